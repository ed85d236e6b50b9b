"""The page's modules as one."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from projects.bundle import Unbundleable, bundle, modules

FILES = {
    "page/main.js": """/** @typedef {import("./types.js").T} T */
import { a, b as other } from "./parts/one.js";
import * as two from "../sdk/two.js";
import "./effect.js";
// import { no } from "./no.js";
const /** @type {import("./types.js").T} */ sum = a + other + two.Three.value + two.four;
globalThis.result = [sum, globalThis.effect];
""",
    "page/parts/one.js": """import {
  Three,
} from "../../sdk/two.js";
export const a = 1;
export function b() {}
b.valueOf = () => Three.value * 10;
""",
    "page/effect.js": "globalThis.effect = (globalThis.effect ?? 0) + 1;\n",
    "sdk/two.js": """export { Three, four as five } from "./three.js";
export * from "./three.js";
""",
    "sdk/three.js": """class Three {
  static value = 3;
}
const four = 4;
export { Three, four };
export async function* later() {}
""",
}


def test_each_module_comes_after_those_that_it_imports() -> None:
    names = modules("page/main.js", FILES.__getitem__)
    assert names == [
        "sdk/three.js", "sdk/two.js", "page/parts/one.js", "page/effect.js", "page/main.js",
    ]  # fmt: skip


def test_the_bundle_does_what_the_modules_do() -> None:
    source = bundle("page/main.js", FILES.__getitem__)
    assert "import" not in source
    assert run(source) == "[38,1]"


def run(source: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no node")
    code = f"{source}\nconsole.log(JSON.stringify(globalThis.result));"
    done = subprocess.run(
        [node, "--input-type=module", "-e", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "source",
    [
        'import one from "./one.js";\n',
        'const one = await import("./one.js");\n',
        "console.log(import.meta.url);\n",
        "export default 1;\n",
        "export let one = 1;\n",
        'import { one } from "elsewhere";\n',
        'import { main } from "./main.js";\n',
    ],
)
def test_what_it_has_no_form_for_is_refused(source: str) -> None:
    with pytest.raises(Unbundleable):
        bundle("main.js", {"main.js": source}.__getitem__)
