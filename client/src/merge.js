/** Apply and compare JSON merge patches, RFC 7396. */

/** @typedef {Record<string, any>} Json */

/**
 * Return a target with a patch applied. Neither is changed, and parts that the patch does not touch
 * are not copied.
 *
 * @param {Json} target
 * @param {Json} patch
 * @returns {Json}
 */
export function merge(target, patch) {
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      merged.delete(key);
    } else if (isObject(value)) {
      const below = merged.get(key);
      merged.set(key, merge(isObject(below) ? below : {}, value));
    } else {
      merged.set(key, value);
    }
  }
  // Unlike an assignment, this takes "__proto__" for a key like any other.
  return Object.fromEntries(merged);
}

/**
 * Return true if two patches change the same thing: objects are compared key by key, any other value
 * replaces all that stood there. Patches that do not overlap can be applied in either order.
 *
 * @param {Json} one
 * @param {Json} other
 * @returns {boolean}
 */
export function overlap(one, other) {
  return Object.entries(one).some(([key, value]) => {
    if (!Object.hasOwn(other, key)) {
      return false;
    }
    return !(isObject(value) && isObject(other[key])) || overlap(value, other[key]);
  });
}

/**
 * Freeze a value, so that a change by mistake is an error. A frozen part is frozen down to its leaves,
 * so only the parts that a patch replaced are visited.
 *
 * @template Value
 * @param {Value} value as JSON carries it
 * @returns {Value}
 */
export function freeze(value) {
  if (typeof value === "object" && !Object.isFrozen(value)) {
    Object.values(/** @type {object} */ (Object.freeze(value))).forEach(freeze);
  }
  return value;
}

/**
 * @param {unknown} value
 * @returns {value is Json}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
