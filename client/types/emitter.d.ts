/**
 * Listeners by event, with types: `Events` maps an event to the arguments of its listeners.
 *
 * A listener that throws neither stops the others nor reaches the client's own code; its error
 * is reported as an uncaught one is.
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
     * @returns {() => void} stops listening
     */
    on<Name extends keyof Events>(name: Name, listener: (...values: Events[Name]) => void): () => void;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {Events[Name]} values
     */
    emit<Name extends keyof Events>(name: Name, ...values: Events[Name]): void;
    clear(): void;
}
