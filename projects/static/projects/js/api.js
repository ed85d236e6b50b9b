/** The REST API, as the person who is signed in. */

export class ApiError extends Error {
  /**
   * @param {number} status 0 where the server could not be reached
   * @param {string} message for the person
   * @param {object} [body] what the server sent
   */
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  async get(path) {
    const response = await this.#call("GET", path);
    return response.json();
  }

  /** Yield a long list page by page, as its `Link` headers lead on. */
  async *pages(path) {
    for (let query = ""; query !== null; ) {
      const response = await this.#call("GET", path + query);
      yield response.json();
      const [, next] = /<([^<>]*)>; rel="next"/.exec(response.headers.get("Link")) ?? [];
      query = next ? new URL(next).search : null;
    }
  }

  /** Return a long list whole. */
  async all(path) {
    const rows = [];
    for await (const page of this.pages(path)) rows.push(...page);
    return rows;
  }

  async post(path, data) {
    const response = await this.#call("POST", path, data);
    return response.json();
  }

  async patch(path, data) {
    const response = await this.#call("PATCH", path, data);
    return response.json();
  }

  async delete(path) {
    await this.#call("DELETE", path);
  }

  async #call(method, path, data) {
    let response = await this.#send(method, path, data);
    if (response.status === 401) response = await this.#send(method, path, data);
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async #send(method, path, data) {
    const token = await this.#session.accessToken();
    const headers = { Authorization: `Bearer ${token}` };
    const isForm = data instanceof FormData;
    if (data !== undefined && !isForm) headers["Content-Type"] = "application/json";
    let response;
    try {
      const body = isForm || data === undefined ? data : JSON.stringify(data);
      // A deletion goes on even if the page is left.
      const keepalive = method === "DELETE";
      response = await fetch(`/api/${path}`, { method, headers, body, keepalive });
    } catch {
      throw new ApiError(0, "The server cannot be reached.");
    }
    if (response.status === 401) this.#session.expire(token);
    return response;
  }
}

/** Return what a refusal says, in one line. */
async function refusal(response) {
  let body;
  try {
    body = await response.json();
  } catch {
    return new ApiError(response.status, `The server answered ${response.status}.`);
  }
  const words = body.detail ?? Object.values(body).flat(Infinity).join(" ");
  return new ApiError(response.status, words, body);
}
