import { h, reconcile } from "./dom.js";

/** Faces that stand in a row; one more would be the button that opens the list. */
const SHOWN = 5;

/** Show the people who are here now: a few faces, and a list of all if there are more. */
export class HereNow {
  #people;
  #faces = h("ul", { class: "avatars", "aria-label": "Here now" });
  #all = h("ul", { class: "here-list" });
  #more = h("button", { type: "button", class: "more", popovertarget: "here-now" });
  element;

  constructor(people) {
    this.#people = people;
    this.element = h(
      "div",
      { class: "here" },
      this.#faces,
      this.#more,
      h(
        "div",
        { id: "here-now", class: "popover", popover: "auto", tabindex: 0, "aria-label": "Here now", role: "group" },
        this.#all,
      ),
    );
  }

  /** @param {{user_id: number, username: string}[]} members of the room */
  render(members) {
    const isCrowd = members.length > SHOWN + 1;
    this.#fill(this.#faces, isCrowd ? members.slice(0, SHOWN) : members, "visually-hidden");
    this.#fill(this.#all, isCrowd ? members : [], "");
    this.#more.hidden = !isCrowd;
    this.#more.textContent = `+${members.length - SHOWN}`;
    this.#more.setAttribute("aria-label", `${members.length} people are here: show all`);
  }

  #fill(list, members, style) {
    const known = new Map([...list.children].map((item) => [item.dataset.user, item]));
    const items = members.map(({ user_id: id, username }) => {
      if (known.has(String(id))) return known.get(String(id));
      const name = h("span", { class: style, dir: "auto" }, username);
      return h("li", { "data-user": id, title: username }, this.#people.avatar(id), name);
    });
    reconcile(list, items);
  }
}
