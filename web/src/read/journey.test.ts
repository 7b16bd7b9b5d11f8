import assert from "node:assert/strict";
import { test } from "node:test";
import type { EmailSubmission, StoryRow } from "../model/types.ts";
import { readFindings, readReached, readSteps } from "./journey.ts";

const row = (event: string, more: Partial<StoryRow> = {}): StoryRow => ({ time: "2026-11-30T10:00:00.250Z", event, ...more });
const at = Date.parse("2026-11-30T10:00:00.250Z");

test("rows become steps, and what nobody knows here is left out", () => {
	const steps = readSteps([
		row("accepted", { direction: "in", host: "mx.far.test [192.0.2.1]", tls: "TLSv1.3" }), row("judged", { action: "junk", points: 6 }), row("judged", { action: "new" }), row("filed", { mailbox: "Junk" }),
		row("held", { reason: "rate" }), row("held"), row("of tomorrow"), row("deferred", { recipient: "a@far.test", host: "mx.far.test", reply: " 450 later ", retryIn: 300 }), { time: "?", event: "filed" },
	]);
	assert.deepEqual(steps.map(({ key, tone }) => `${key} ${tone}`), ["came plain", "judged.junk bad", "judged.other bad", "filed good", "held.rate waiting", "held.other waiting", "deferred waiting"]);
	assert.deepEqual(steps[0], { at, key: "came", values: { host: "mx.far.test [192.0.2.1]" }, tone: "plain", reply: null, tls: { version: "TLSv1.3" }, seconds: null, until: null });
	assert.deepEqual([steps[6]!.reply, steps[6]!.seconds, steps[6]!.tls], ["450 later", 300, null]);
	assert.equal(readSteps(Array.from({ length: 999 }, () => row("filed"))).length, 200);
});

test("whom a message has reached", () => {
	const submission = {
		undoStatus: "final", envelope: { mailFrom: { email: "me@x.test" }, rcptTo: ["a@far.test", "b@x.test", "c@far.test", "d@far.test"].map((email) => ({ email, parameters: null })) },
		deliveryStatus: { "a@far.test": { delivered: "unknown", displayed: "yes", smtpReply: "250 ok" }, "c@far.test": { delivered: "no", displayed: "unknown", smtpReply: "550 no" }, "d@far.test": { delivered: "queued", displayed: "unknown", smtpReply: "" } },
	} as unknown as EmailSubmission;
	const found = readReached([row("deferred", { recipient: "A@far.test", host: "mx.far.test", retryIn: 60 }), row("delivered", { recipient: "a@far.test", host: "mx.far.test", tls: "TLSv1.3" }), row("delivered", { recipient: "b@x.test" })], [submission], ["other@x.test"]);
	assert.deepEqual(found.map(({ address, state, read }) => `${address} ${state} ${read}`), ["a@far.test there true", "b@x.test here false", "c@far.test failed false", "d@far.test under way false"]);
	assert.deepEqual([found[0]!.at, found[0]!.host, found[0]!.tls, found[0]!.again], [at, "mx.far.test", { version: "TLSv1.3" }, null]);
	assert.equal(found[2]!.reply, "550 no");
	assert.deepEqual(readReached([], [], ["a@far.test", "A@far.test"]).map(({ state }) => state), ["unknown"]);
	assert.deepEqual(readReached([], [{ ...submission, undoStatus: "canceled" }], []), []);
	assert.equal(readReached([row("deferred", { recipient: "a@far.test", retryIn: 60 })], [], [])[0]!.again, at + 60_000);
});

test("what was found, with the account's own, in the reader's language", () => {
	const rules = { MISSING_DATE: { points: 0.8, en: "No date.", ru: "Нет даты.", pt: "Sem data." } };
	const rows = [row("judged", { points: 6, findings: [{ rule: "MISSING_DATE", points: 0.8, text: "x" }, { rule: "NEW_ONE", points: 5.2, text: "Something." }] }), row("weighed", { points: -4, junk: false, findings: [{ rule: "KNOWN_CORRESPONDENT", points: -10, text: "" }] })];
	const found = readFindings(rows, { junk: true, score: 6, required: 5, rules: [] }, rules, "ru")!;
	assert.deepEqual(found.reasons.map(({ name, points, text }) => [name, points, text]), [["KNOWN_CORRESPONDENT", -10, null], ["NEW_ONE", 5.2, "Something."], ["MISSING_DATE", 0.8, "Нет даты."]]);
	assert.deepEqual([found.weight.junk, found.weight.score, found.weight.required], [false, -4, 5]);
	assert.equal(readFindings([row("judged", { points: 6 })], null, rules, "en"), null);
});
