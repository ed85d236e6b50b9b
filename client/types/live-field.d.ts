/**
 * Define `<live-field name="title"><input></live-field>`, for pages without a framework. An element
 * around it names the room: `<main {% live_room board %}>`, or `data-room='{"kind": "board", "key": 1}'`.
 *
 * Around an input, a textarea or a select it shows the changes of others, and sends the person's own
 * change when they leave the field. It never overwrites typed text. If an update is refused, because
 * somebody else was faster (CONFLICT) for example, the field and the event `live-error` tell so, and
 * the next change is sent again. Around anything else it shows the value as text. A name may be a
 * path: `cards.12.text`.
 *
 * @param {import("./realtime.js").Realtime} realtime
 * @param {string} [tag]
 */
export declare function defineLiveField(realtime: import("./realtime.js").Realtime, tag?: string): void;
export type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
