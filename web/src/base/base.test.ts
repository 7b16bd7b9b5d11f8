import assert from "node:assert/strict";
import { test } from "node:test";
import { listener, match, nameOf, shownKeys, type Binding } from "./keyboard.ts";
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

test("keys belong to what has the focus: a button is pressed by Enter, and letters can be turned off", () => {
	const done: string[] = [], own = [{ keys: "e", label: "", act: () => done.push("e") }, { keys: "j|ArrowDown", label: "", act: () => done.push("down") }, { keys: "Enter", label: "", act: () => done.push("Enter") }];
	class Some {
		isContentEditable = false;
		tagName = "DIV";
		readonly control: string;
		constructor(control = "") { this.control = control; }
		getAttribute() { return null; }
		closest(selector: string) { return this.control && selector.split(", ").includes(this.control) ? this : null; }
		matches(selector: string) { return selector.split(", ").includes(this.control); }
	}
	Object.assign(globalThis, { Element: Some, HTMLElement: Some });
	const press = (key: string, target = new Some(), characters = true) => {
		let prevented = false;
		listener(() => own, () => true, () => characters)({ ...bare, key, target, isComposing: false, defaultPrevented: false, timeStamp: 0, preventDefault: () => (prevented = true) } as unknown as KeyboardEvent);
		return prevented;
	};
	assert.deepEqual(["e", "Enter", "ArrowDown"].map((key) => press(key)), [true, true, true]);
	assert.deepEqual(["Enter", "ArrowDown", "e"].map((key) => press(key, new Some("button"))), [false, true, true]);
	assert.deepEqual(["Enter", "ArrowDown"].map((key) => press(key, new Some("[role=menu]"))), [false, false]);
	assert.deepEqual(["e", "j", "Enter", "ArrowDown"].map((key) => press(key, new Some(), false)), [false, false, true, true]);
	assert.deepEqual(done, ["e", "Enter", "down", "down", "e", "Enter", "down"]);
});
