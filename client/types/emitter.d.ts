/**
 * @typedef {object} ListenOptions like those of `addEventListener`
 * @property {boolean} [once] stop listening at the first event
 * @property {AbortSignal} [signal] stop listening when it is aborted
 */
export type ListenOptions = {
    /**
     * stop listening at the first event
     */
    once?: boolean;
    /**
     * stop listening when it is aborted
     */
    signal?: AbortSignal;
};
/**
 * Keep listeners by event, with types: `Events` maps an event to the arguments of its listeners.
 *
 * A listener that throws neither stops the others nor reaches the client's own code; its error is
 * reported like an uncaught one.
 *
 * @template {Record<string, unknown[]>} Events
 */
export declare class Emitter<Events extends Record<string, unknown[]>> {
    #private;
    /**
     * Listen to an event.
     *
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(...values: Events[Name]) => void} listener
     * @param {ListenOptions} [options]
     * @returns {() => void} stops listening
     */
    on<Name extends keyof Events>(name: Name, listener: (...values: Events[Name]) => void, { once, signal }?: ListenOptions): () => void;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {Events[Name]} values
     */
    emit<Name extends keyof Events>(name: Name, ...values: Events[Name]): void;
}
