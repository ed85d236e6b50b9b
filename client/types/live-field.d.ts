/**
 * Define `<live-field name="title"><input></live-field>`, for pages without a framework. An element
 * around it says which room: `<main {% live_room board %}>`, or `data-room='{"kind": "board", "key": 1}'`.
 *
 * Around an input, a textarea or a select it shows what others change, and sends what the person
 * changes when they leave the field. What they typed is not overwritten: an update that is refused, as
 * where somebody else was faster (CONFLICT), tells so in the field and by the event `live-error`, and
 * the next change is sent again. Around anything else it shows the value as text. A name may lead
 * down: `cards.12.text`.
 *
 * @param {import("./realtime.js").Realtime} realtime
 * @param {string} [tag]
 */
export declare function defineLiveField(realtime: import("./realtime.js").Realtime, tag?: string): void;
export type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
