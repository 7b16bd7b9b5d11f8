import assert from "node:assert/strict";
import { test } from "node:test";
import { perMinute, total } from "./samples.svelte.ts";

test("a counter's growth is told per minute, and a process that began anew loses nothing", () => {
	assert.deepEqual(perMinute([0, 5, 10, 20], [10, 11, 11, 3]), [null, 12, 0, 18]);
});

test("a measure is summed over roles", () => {
	const metrics = { smtp: { value: { connections_open: 3 }, event: { "message.accepted": 2 } }, reader: { value: { connections_open: 4 } } };
	assert.equal(total(metrics, "value", "connections_open"), 7);
	assert.equal(total(metrics, "value", "connections_open", "smtp"), 3);
	assert.equal(total(metrics, "event", "none"), 0);
});
