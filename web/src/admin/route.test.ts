import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRoute, parseRoute } from "./route.svelte.ts";

test("addresses lead to pages and back", () => {
	for (const route of [{ page: "queue", what: null }, { page: "accounts", what: "anna+a/b@example.org" }] as const) assert.deepEqual(parseRoute(formatRoute(route)), route);
	assert.deepEqual(parseRoute(""), { page: "overview", what: null });
	assert.deepEqual(parseRoute("#/nonsense/x"), { page: "overview", what: null });
	assert.deepEqual(parseRoute("#/accounts/%E0%A4%A"), { page: "accounts", what: null });
});
