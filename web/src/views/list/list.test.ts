import assert from "node:assert/strict";
import { test } from "node:test";
import type { EmailHead, Row } from "../../model/types.ts";
import { keywordOf } from "./label.ts";
import { peopleOf } from "./people.ts";
import { swipe, type Swipe } from "./swipe.ts";

test("a label's keyword is one that IMAP takes, and none that is there", () => {
	assert.equal(keywordOf("Férias 2026", []), "ferias_2026");
	assert.equal(keywordOf("Work", ["work", "work2"]), "work3");
	assert.equal(keywordOf("Отпуск", []), "label1");
	assert.equal(keywordOf("Отпуск", ["label1"]), "label2");
	assert.equal(keywordOf("$seen", []), "seen");
});

function row(...from: [string | null, string][]): Row {
	const emails = from.map(([name, email]) => ({ from: [{ name, email }], to: [{ name: "You", email: "you@example.test" }], cc: null }) as unknown as EmailHead);
	return { email: emails[0], emails } as unknown as Row;
}

test("a row names those who have written, each once", () => {
	assert.deepEqual(peopleOf(row(["Anna Berg", "anna@example.test"]), false, "you@example.test"), [{ name: "Anna Berg", email: "anna@example.test" }]);
	const said = peopleOf(row(["Anna Berg", "anna@example.test"], ["You", "you@example.test"], ["Anna Berg", "ANNA@example.test"], [null, "boris@example.test"]), false, "you@example.test");
	assert.deepEqual(said.map((one) => one.name), ["Anna", "boris"]);
	assert.deepEqual(peopleOf(row(["You", "you@example.test"]), true, "you@example.test").map((one) => one.name), ["You"]);
});

test("a swipe that goes far enough does what is set, and one that scrolls does nothing", () => {
	const done: string[] = [], moves: Swipe[] = [];
	const at = swipe({ left: () => "trash", right: () => null, onmove: (now) => moves.push(now), ondone: (deed) => done.push(deed) });
	const event = (x: number, y = 0) => ({ pointerType: "touch", isPrimary: true, pointerId: 1, clientX: x, clientY: y, currentTarget: { setPointerCapture() {} } }) as unknown as PointerEvent;
	at.onpointerdown(event(200));
	at.onpointermove(event(195, 60)); // downwards
	at.onpointerup(event(195, 60));
	assert.deepEqual([done, moves], [[], []]);
	at.onpointerdown(event(200));
	at.onpointermove(event(300)); // nothing is set for this side
	at.onpointermove(event(150));
	at.onpointerup(event(150));
	assert.deepEqual(done, []); // not far enough
	at.onpointerdown(event(200));
	at.onpointermove(event(100));
	at.onpointerup(event(100));
	assert.deepEqual(done, ["trash"]);
});
