/** JSON merge patches, RFC 7396. */
export type Json = Record<string, any>;
/** @typedef {Record<string, any>} Json */
/**
 * Return what a patch makes of a target; neither is changed, and what the patch does not touch
 * is not copied.
 *
 * @param {Json} target
 * @param {Json} patch
 * @returns {Json}
 */
export declare function merge(target: Json, patch: Json): Json;
/**
 * Say whether two patches change the same thing: objects meet key by key, any other value
 * replaces all that stood there. Patches that do not overlap can be applied in either order.
 *
 * @param {Json} one
 * @param {Json} other
 * @returns {boolean}
 */
export declare function overlap(one: Json, other: Json): boolean;
/**
 * Freeze a value, so that who changes it by mistake gets an error. What is frozen already is frozen
 * down to the leaves: only what a patch replaced is visited.
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
