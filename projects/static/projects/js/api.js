/** The REST API, as the person who is signed in. */

export class ApiError extends Error {
  /** @param {number} status 0 where the server could not be reached */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  get(path) {
    return this.#call("GET", path);
  }

  post(path, data) {
    return this.#call("POST", path, data);
  }

  patch(path, data) {
    return this.#call("PATCH", path, data);
  }

  delete(path) {
    return this.#call("DELETE", path);
  }

  async #call(method, path, data) {
    let response = await this.#send(method, path, data);
    if (response.status === 401) response = await this.#send(method, path, data);
    if (!response.ok) throw new ApiError(response.status, await reason(response));
    return response.status === 204 ? null : response.json();
  }

  async #send(method, path, data) {
    const token = await this.#session.accessToken();
    const headers = { Authorization: `Bearer ${token}` };
    const isForm = data instanceof FormData;
    if (data !== undefined && !isForm) headers["Content-Type"] = "application/json";
    let response;
    try {
      const body = isForm || data === undefined ? data : JSON.stringify(data);
      response = await fetch(`/api/${path}`, { method, headers, body });
    } catch {
      throw new ApiError(0, "The server cannot be reached.");
    }
    if (response.status === 401) this.#session.expire(token);
    return response;
  }
}

/** Return what a refusal says, in one line. */
async function reason(response) {
  let body;
  try {
    body = await response.json();
  } catch {
    return `The server answered ${response.status}.`;
  }
  return body.detail ?? Object.values(body).flat(Infinity).join(" ");
}
