/**
 * Describe the part of a browser's window that the client uses; Node has none of it, a worker some.
 *
 * @typedef {object} WakeupSource
 * @property {(type: string, listener: () => void) => void} [addEventListener]
 * @property {(type: string, listener: () => void) => void} [removeEventListener]
 * @property {{
 *   visibilityState: string,
 *   addEventListener: (type: string, listener: () => void) => void,
 *   removeEventListener: (type: string, listener: () => void) => void,
 * }} [document]
 */
export type WakeupSource = {
    addEventListener?: (type: string, listener: () => void) => void;
    removeEventListener?: (type: string, listener: () => void) => void;
    document?: {
        visibilityState: string;
        addEventListener: (type: string, listener: () => void) => void;
        removeEventListener: (type: string, listener: () => void) => void;
    };
};
/**
 * Call back when the connection should be checked now: the network came or went, the computer woke
 * up, the person is back at the page.
 *
 * @param {WakeupSource} source
 * @param {() => void} callback
 * @returns {() => void} stops it
 */
export declare function watch(source: WakeupSource, callback: () => void): () => void;
