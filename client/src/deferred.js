/**
 * Hold a promise that is settled from outside.
 *
 * @template Value
 */
export class Deferred {
  /** @type {(value: Value) => void} */
  resolve = () => {};
  /** @type {(error: Error) => void} */
  reject = () => {};
  /** @type {Promise<Value>} */
  promise = new Promise((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    // A caller that does not wait for it need not handle its rejection.
    this.promise.catch(() => {});
  }
}
