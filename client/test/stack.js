import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A running system of the tests' own: see tests/harness/stack.py. */
export class Stack {
  #process;

  /**
   * @param {import("node:child_process").ChildProcess} process
   * @param {string} url
   */
  constructor(process, url) {
    this.#process = process;
    this.url = url;
    this.websocketUrl = url.replace("http", "ws");
    this.port = Number(new URL(url).port);
  }

  static async start() {
    const process = spawn(".venv/bin/python", ["-m", "tests.harness.serve"], {
      cwd: ROOT,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const exited = once(process, "exit").then(([code]) => {
      throw new Error(`The stack ended with ${code} before it served`);
    });
    const line = once(createInterface({ input: process.stdout }), "line");
    const [text] = await Promise.race([line, exited]);
    exited.catch(() => {});
    return new Stack(process, JSON.parse(text).url);
  }

  async stop() {
    const exit = once(this.#process, "exit");
    this.#process.stdin.end();
    await exit;
  }

  /** Return an access token of a demo user. */
  async token(username) {
    const { access } = await this.call("POST", "token/", { username, password: "realtime" });
    return access;
  }

  /** Call the REST API as a demo user. */
  async api(method, path, data, username = "alice") {
    return this.call(method, path, data, await this.token(username));
  }

  /** Create a project of alice's, which bob edits and carol views, and return its id. */
  async newProject() {
    const { id } = await this.api("POST", "projects/", { title: "A test's own" });
    for (const [username, role] of [["bob", "editor"], ["carol", "viewer"]]) {
      await this.api("POST", `projects/${id}/members/`, { username, role });
    }
    return id;
  }

  async call(method, path, data, token) {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    if (token) {
      headers.Authorization = `Bearer ${token}`;
    }
    const body = data === undefined ? undefined : JSON.stringify(data);
    const answer = await fetch(`${this.url}/api/${path}`, { method, headers, body });
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    }
    return answer.status === 204 ? null : answer.json();
  }
}
