/** Apply and compare JSON merge patches, RFC 7396. */
export type Json = Record<string, any>;
/** @typedef {Record<string, any>} Json */
/**
 * Return a target with a patch applied. Neither is changed, and parts that the patch does not touch
 * are not copied.
 *
 * @param {Json} target
 * @param {Json} patch
 * @returns {Json}
 */
export declare function merge(target: Json, patch: Json): Json;
/**
 * Return true if two patches change the same thing: objects are compared key by key, any other value
 * replaces all that stood there. Patches that do not overlap can be applied in either order.
 *
 * @param {Json} one
 * @param {Json} other
 * @returns {boolean}
 */
export declare function overlap(one: Json, other: Json): boolean;
/**
 * Freeze a value, so that a change by mistake is an error. A frozen part is frozen down to its leaves,
 * so only the parts that a patch replaced are visited.
 *
 * @template Value
 * @param {Value} value as JSON carries it
 * @returns {Value}
 */
export declare function freeze<Value>(value: Value): Value;
/**
 * @param {unknown} value
 * @returns {value is Json}
 */
export declare function isObject(value: unknown): value is Json;
