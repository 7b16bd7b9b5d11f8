import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf, run, setServer } from "./api.ts";

test("failures are known by status and code", () => {
	assert.equal(kindOf(401, "sign_in"), "signedOut");
	assert.equal(kindOf(403, "password_needed"), "password");
	assert.equal(kindOf(403, "denied"), "forbidden");
	assert.equal(kindOf(422, "not_found"), "refused");
	assert.equal(kindOf(507, "disk_full"), "refused");
	assert.equal(kindOf(503, "temporary"), "busy");
});

test("a call is one request; what is refused says why, without the command's name; another server is asked with its key and no cookie", async () => {
	const before = globalThis.fetch, seen: { url: string; init: RequestInit }[] = [];
	const answers = [Response.json({ result: [1], notes: ["warning: x"] }), Response.json({ error: { code: "exists", message: "pombal account add: there is an account x already" } }, { status: 409 }), Response.json({ text: "done\n", notes: [] })];
	globalThis.fetch = ((url: string, init: RequestInit) => {
		seen.push({ url, init });
		return Promise.resolve(answers.shift()!);
	}) as typeof fetch;
	try {
		assert.deepEqual(await run({ command: "account list" }), { ok: true, value: [1], notes: ["warning: x"] });
		assert.deepEqual(await run({ command: "account add" }), { ok: false, error: { kind: "refused", code: "exists", message: "there is an account x already" } });
		setServer({ name: "b", origin: "https://b.example", key: "secret" });
		assert.deepEqual(await run({ command: "reload" }), { ok: true, value: "done\n", notes: [] });
		assert.equal(seen[2]!.url, "https://b.example/admin/call");
		assert.equal(seen[2]!.init.credentials, "omit");
		assert.equal((seen[2]!.init.headers as Record<string, string>).Authorization, "Bearer secret");
		assert.equal((seen[0]!.init.headers as Record<string, string>).Authorization, undefined);
	} finally {
		setServer(null);
		globalThis.fetch = before;
	}
});
