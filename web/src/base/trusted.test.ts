import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { ownScript } from "./trusted.ts";

function sources(folder: string): string[] {
	return readdirSync(folder).map((name) => `${folder}/${name}`).flatMap((path) => (/\.(?:ts|svelte)$/.test(path) ? (path.endsWith(".test.ts") ? [] : [path]) : path.includes(".") ? [] : sources(path)));
}

test("scripts are this server's own files", () => {
	const base = "https://mail.example.test/#/mail";
	assert.equal(ownScript("/sw.js", base), "https://mail.example.test/sw.js");
	assert.equal(ownScript("https://mail.example.test/assets/pdf.worker.0123456789ab.mjs", base), "https://mail.example.test/assets/pdf.worker.0123456789ab.mjs");
	for (const url of ["https://evil.test/sw.js", "//evil.test/assets/a.js", "/jmap/download/a/b?type=text/javascript", "/sw.js?x", "data:text/javascript,1", "blob:https://mail.example.test/1", "/assets/../jmap/x.js", "javascript:1"])
		assert.throws(() => ownScript(url, base), undefined, url);
});

test("nothing becomes HTML or a script but by way of this policy", () => {
	const sinks = /\{@html|\.(?:inner|outer)HTML\s*=[^=]|insertAdjacentHTML|document\.write|createContextualFragment|setHTMLUnsafe|parseFromString|srcdoc|new (?:Shared)?Worker\(|serviceWorker\.register\(|\beval\(|new Function\(/;
	const found = sources("src").filter((path) => !path.endsWith("base/trusted.ts")).flatMap((path) => readFileSync(path, "utf8").split("\n").flatMap((line) => (sinks.test(line) && !/scriptUrl\(/.test(line) ? [`${path}: ${line.trim()}`] : [])));
	assert.deepEqual(found, []);
});
