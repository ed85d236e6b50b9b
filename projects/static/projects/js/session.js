/**
 * Keep the person signed in. The access token lives in memory only; the refresh token in the tab's
 * sessionStorage, so that a reload does not sign anybody out, and closing the last tab does. A new
 * tab gets it from an open one.
 */

const STORED = "realtime.refresh";

/** The channel between the tabs, and the lock that each one holds as long as it is signed in. */
const SHARED = "realtime.session";
/** Milliseconds that a new tab waits for another to answer. */
const PATIENCE = 1_000;

/** Milliseconds before its end from which on an access token is not used any more. */
const MARGIN = 5_000;

export class SignInError extends Error {}

/** Fires "ended" when the server takes the refresh token no longer. */
export class Session extends EventTarget {
  /** @type {{id: number, username: string} | null} */
  user = null;

  #access = null;
  #renewal = null;
  #tabs = new BroadcastChannel(SHARED);
  /** Ends the lock that tells other tabs that this one is signed in. */
  #release = null;

  constructor() {
    super();
    this.#tabs.addEventListener("message", ({ data }) => this.#hear(data));
  }

  /** Take up the tab's session again; resolve to whether there is one. */
  async restore() {
    const refresh = sessionStorage.getItem(STORED) ?? (await this.#ask());
    if (!refresh) return false;
    sessionStorage.setItem(STORED, refresh);
    try {
      await this.#identify();
    } catch (error) {
      if (error instanceof SignInError) return false;
      throw error;
    }
    return true;
  }

  /** @throws {SignInError} with words for the person */
  async signIn(username, password) {
    const response = await post("/api/token/", { username, password });
    if (response.status === 401) throw new SignInError("That name and password do not match.");
    if (response.status === 429) throw new SignInError("Too many attempts. Wait a minute.");
    if (!response.ok) throw new SignInError("The server cannot sign you in now. Try again.");
    this.#keep(await response.json());
    await this.#identify();
  }

  async signOut() {
    const refresh = sessionStorage.getItem(STORED);
    this.#forget();
    this.#tabs.postMessage({ ended: refresh });
    // The session is over for this browser, whether or not the server hears of it.
    await post("/api/token/blacklist/", { refresh }).catch(() => {});
  }

  /** The name of this session, the same in all of its tabs; null while nobody is signed in. */
  get name() {
    const refresh = sessionStorage.getItem(STORED);
    return this.user && refresh && `${SHARED}:${this.user.id}:${claims(refresh).jti}`;
  }

  /** Resolve to an access token for the REST API. */
  async accessToken() {
    const left = (this.#access?.expiresAt ?? 0) - performance.now();
    return left > MARGIN ? this.#access.token : this.#renew();
  }

  /**
   * Resolve to an access token for the socket; to null once nobody is signed in.
   *
   * @param {{reason?: string}} request with a reason, the token of before will not do
   */
  async socketToken({ reason }) {
    try {
      return await (reason ? this.#renew() : this.accessToken());
    } catch (error) {
      if (error instanceof SignInError) return null;
      throw error;
    }
  }

  /** Drop an access token that the server refused. */
  expire(token) {
    if (this.#access?.token === token) this.#access = null;
  }

  async #identify() {
    const token = await this.accessToken();
    const response = await fetch("/api/me/", { headers: { Authorization: `Bearer ${token}` } });
    if (!response.ok) throw new SignInError("The server does not know you any more.");
    this.user = await response.json();
    this.#hold();
  }

  /** Resolve to the refresh token of another tab that is open, if there is one. */
  async #ask() {
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    if (!held.some(({ name }) => name === SHARED)) return null;
    return new Promise((resolve) => {
      const hear = ({ data }) => data.refresh && settle(data.refresh);
      const settle = (refresh) => {
        this.#tabs.removeEventListener("message", hear);
        resolve(refresh);
      };
      this.#tabs.addEventListener("message", hear);
      this.#tabs.postMessage({ ask: true });
      setTimeout(() => settle(null), PATIENCE);
    });
  }

  #hear({ ask, ended }) {
    const refresh = sessionStorage.getItem(STORED);
    if (!refresh || !this.user) return;
    if (ask) this.#tabs.postMessage({ refresh });
    if (ended === refresh) this.#end();
  }

  /** Let new tabs know that there is one to ask. */
  #hold() {
    if (this.#release) return;
    const released = new Promise((resolve) => (this.#release = resolve));
    navigator.locks?.request(SHARED, { mode: "shared" }, () => released);
  }

  #end() {
    this.#forget();
    this.dispatchEvent(new Event("ended"));
  }

  /** One renewal at a time, however many ask for it. */
  #renew() {
    this.#renewal ??= this.#fetchToken().finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #fetchToken() {
    const refresh = sessionStorage.getItem(STORED);
    const response = await post("/api/token/refresh/", { refresh });
    if (response.status === 401 || response.status === 400) {
      this.#end();
      throw new SignInError("Your session has ended. Sign in again to go on.");
    }
    if (!response.ok) throw new Error(`The token could not be renewed: ${response.status}`);
    this.#keep(await response.json());
    return this.#access.token;
  }

  #keep({ access, refresh }) {
    const { exp, iat } = claims(access);
    // By the token's own length: this computer's clock may be wrong, and may be set.
    const lasts = (exp - iat) * 1000;
    this.#access = { token: access, expiresAt: performance.now() + lasts };
    if (refresh) sessionStorage.setItem(STORED, refresh);
  }

  #forget() {
    this.user = null;
    this.#access = null;
    this.#release?.();
    this.#release = null;
    sessionStorage.removeItem(STORED);
  }
}

/** Return what a token says. */
function claims(token) {
  return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
}

function post(path, data) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(data),
  });
}
