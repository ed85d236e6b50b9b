/**
 * Hold a promise that is settled from outside.
 *
 * @template Value
 */
export declare class Deferred<Value> {
    /** @type {(value: Value) => void} */
    resolve: (value: Value) => void;
    /** @type {(error: Error) => void} */
    reject: (error: Error) => void;
    /** @type {Promise<Value>} */
    promise: Promise<Value>;
    constructor();
}
