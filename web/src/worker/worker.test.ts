import assert from "node:assert/strict";
import { test } from "node:test";
import { newsOf, readPush } from "./replay.ts";
import { dropOthers, fileOf } from "./shell.ts";

test("only files of the pages are kept, never mail", () => {
	const shell = { version: "1", files: ["/", "/frame", "/assets/a.0123456789ab.js"], later: ["/assets/pdf.0123456789ab.js"] }, ask = (url: string, method = "GET") => fileOf({ method, url }, shell, "https://m.example");
	assert.equal(ask("https://m.example/?x=1"), "/");
	assert.equal(ask("https://m.example/index.html"), "/");
	assert.equal(ask("https://m.example/assets/a.0123456789ab.js"), "/assets/a.0123456789ab.js");
	assert.equal(ask("https://m.example/frame"), "/frame");
	assert.equal(ask("https://m.example/assets/pdf.0123456789ab.js"), "/assets/pdf.0123456789ab.js");
	for (const url of ["https://m.example/jmap/api", "https://m.example/jmap/download/x/y", "https://m.example/session", "https://m.example/oauth/authorize", "https://other.example/"]) assert.equal(ask(url), null);
	assert.equal(ask("https://m.example/", "POST"), null);
});

test("of several versions one stays", async () => {
	const names = ["pombal-shell-1", "pombal-shell-2", "other"];
	await dropOthers({ version: "2", files: [], later: [] }, { keys: async () => [...names], delete: async (name: string) => Boolean(names.splice(names.indexOf(name), 1)) } as unknown as CacheStorage);
	assert.deepEqual(names, ["pombal-shell-2", "other"]);
});

test("push messages are read by their form alone", () => {
	assert.deepEqual(readPush('{"@type":"PushVerification","pushSubscriptionId":"s","verificationCode":"c"}'), { kind: "verification", id: "s", code: "c" });
	assert.deepEqual(readPush('{"@type":"EmailPush","accountId":"a","emails":[{"id":"e","threadId":"t","from":[{"name":"","email":"a@x"}],"subject":"s\\n t","preview":7},null]}'), {
		kind: "emails", emails: [{ id: "e", threadId: "t", account: "a", from: "a@x", subject: "s t", preview: "" }, { id: "", threadId: "", account: "a", from: "", subject: "", preview: "" }],
	});
	assert.deepEqual(readPush('{"@type":"StateChange","changed":{"a":{"Email":"1"}}}'), { kind: "change", accounts: ["a"] });
	assert.deepEqual(readPush('{"@type":"StateChange"}'), { kind: "change", accounts: [] });
	for (const text of ["", "{", "null", "[]", "7", '{"@type":"PushVerification","verificationCode":{}}']) assert.deepEqual(readPush(text), { kind: "other" });
	assert.equal(newsOf({ subject: "x".repeat(999) }, null).subject.length, 200);
});
