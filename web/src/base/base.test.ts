import assert from "node:assert/strict";
import { test } from "node:test";
import { match, nameOf, shownKeys, type Binding } from "./keyboard.ts";
import { formatRoute, parseRoute, type Route } from "./route.ts";

const bare = { shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };

test("a key is called what stands on it; shift counts where it gives no sign of its own", () => {
	assert.equal(nameOf({ ...bare, key: "j" }), "j");
	assert.equal(nameOf({ ...bare, key: "J", shiftKey: true }), "Shift+j");
	assert.equal(nameOf({ ...bare, key: "#", shiftKey: true }), "#");
	assert.equal(nameOf({ ...bare, key: "Enter", metaKey: true }), "Mod+Enter");
	assert.equal(nameOf({ ...bare, key: " " }), "Space");
});

test("keys in turn wait for one another", () => {
	const bindings: Binding[] = ["j|ArrowDown", "g i", "g s"].map((keys) => ({ keys, label: keys, act: () => {} }));
	assert.equal(match(bindings, "", "ArrowDown").binding, bindings[0]);
	assert.deepEqual(match(bindings, "", "g"), { binding: null, waits: true });
	assert.equal(match(bindings, "g", "s").binding, bindings[2]);
	assert.deepEqual(match(bindings, "g", "x"), { binding: null, waits: false });
});

test("keys are shown as they stand on keyboards", () => {
	assert.deepEqual(shownKeys("Shift+j"), ["⇧", "J"]);
	assert.deepEqual(shownKeys("g i"), ["G", "I"]);
	assert.deepEqual(shownKeys("+"), ["+"]);
});

test("an address and what it shows are the same thing", () => {
	const routes: Route[] = [
		{ view: "mail", mailbox: null, thread: null }, { view: "mail", mailbox: "m1", thread: null }, { view: "mail", mailbox: "m1", thread: "t2" },
		{ view: "search", text: "from:anna a/b %#?", thread: "t1" }, { view: "contacts", id: null }, { view: "settings", part: "looks" },
	];
	for (const route of routes) assert.deepEqual(parseRoute(formatRoute(route)), route);
	assert.equal(formatRoute({ view: "mail", mailbox: "m1", thread: null }), "#/mail/m1");
});

test("what isn't an address of ours is the inbox", () => {
	for (const hash of ["", "#", "#/nothing", "#/%", "#javascript:alert(1)"]) assert.deepEqual(parseRoute(hash), { view: "mail", mailbox: null, thread: null });
});
