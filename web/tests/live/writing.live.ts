/* Drafts and sending: on one device and several, with the network, without it, and when answers are lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account, Email } from "../../src/model/types.ts";
import type { AccountOf } from "../../src/model/account.ts";
import { get } from "../../src/base/store.ts";
import { MemoryDatabases } from "../../src/model/database.ts";
import { memoryHost } from "../../src/model/host.ts";
import { replay } from "../../src/worker/replay.ts";
import { deliver, Device, eventually, platform, see, value } from "./device.ts";

const anna = { name: "Anna", email: "anna@example.test" }, boris = { name: "Boris", email: "boris@example.test" };

async function emails(account: Account, role: "drafts" | "sent" | "inbox", subject: string): Promise<Email[]> {
	const { client } = (account as AccountOf).engine, batch = client.batch(account.id), box = account.mailboxes.byRole(role);
	if (!box) return [];
	const found = batch.call("Email/query", { filter: { inMailbox: box.id } }), got = batch.call("Email/get", { "#ids": found.ref("/ids"), properties: ["subject", "keywords", "messageId", "bodyValues", "textBody", "attachments", "to", "inReplyTo"], fetchTextBodyValues: true });
	value(await batch.send({}));
	return value(got.result).list.filter(one => one.subject === subject);
}
const text = (email: Email) => email.bodyValues![email.textBody![0]!.partId!]!.value;

test("a draft is saved by itself, replaced by its next version, and opened elsewhere", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	const draft = a.drafts.create({ to: [boris], subject: "draft one", text: "begun" });
	draft.change({ text: "begun, and" });
	await see(draft, view => view.state === "saved");
	draft.change({ text: "begun, and ended", html: "<p>begun, and <b>ended</b></p>" });
	value(await draft.save());
	const kept = await emails(b, "drafts", "draft one");
	assert.equal(kept.length, 1);
	assert.equal(text(kept[0]!), "begun, and ended");
	assert.equal(kept[0]!.keywords["$draft"], true);
	const opened = value(await b.drafts.open({ emailId: kept[0]!.id }));
	assert.equal(get(opened).content.html, "<p>begun, and <b>ended</b></p>");
	assert.deepEqual(get(opened).content.to, [boris]);
	value(await opened.discard());
	await eventually(async () => (await emails(a, "drafts", "draft one")).length === 0, "the draft to go");
});

test("two devices write the same draft: both versions stay", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	const draft = a.drafts.create({ subject: "twice", text: "first" });
	draft.change({});
	value(await draft.save());
	const other = value(await b.drafts.open({ emailId: get(draft).emailId! }));
	other.change({ text: "there" });
	value(await other.save());
	draft.change({ text: "here" });
	value(await draft.save());
	assert.equal(get(draft).conflict, get(other).emailId);
	assert.deepEqual((await emails(a, "drafts", "twice")).map(text).sort(), ["here", "there"]);
	draft.change({ text: "here, on" });
	value(await draft.save());
	assert.deepEqual((await emails(a, "drafts", "twice")).map(text).sort(), ["here, on", "there"]);
});

test("a save whose answer is lost leaves one draft", async () => {
	const device = new Device(), account = await device.signIn(), draft = account.drafts.create({ subject: "lost answer", text: "1" });
	draft.change({ text: "2" });
	value(await draft.save());
	device.platform.lose = 1;
	draft.change({ text: "3" });
	await draft.save();
	draft.change({ text: "4" });
	await eventually(async () => (await draft.save()).ok && get(draft).state === "saved", "the draft to be saved");
	await eventually(async () => (await emails(account, "drafts", "lost answer")).map(text).join() === "4", "one draft");
});

test("what is written offline outlives the window, and is saved later", async () => {
	const device = new Device(), account = await device.signIn(), draft = account.drafts.create({ to: [boris], subject: "in the tunnel" });
	device.cut();
	draft.change({ text: "dark" });
	await account.drafts.flush();
	const again = await device.restart(), [found] = await see(again.drafts.recovered, list => list.length === 1);
	assert.equal(found!.content.text, "dark");
	const opened = value(await again.drafts.open({ key: found!.key }));
	opened.change({ text: "dark, and light" });
	device.mend();
	await see(opened, view => view.state === "saved");
	assert.deepEqual((await emails(again, "drafts", "in the tunnel")).map(text), ["dark, and light"]);
});

test("a draft is one window's: the service worker saves what that has left, and not a moment before", async () => {
	const databases = new MemoryDatabases(), device = new Device(databases), account = await device.signIn(), other = await new Device().signIn();
	const worker = Object.assign(platform(), { cookie: device.platform.cookie }), drafts = async () => (await emails(other, "drafts", "whose is it")).map(text);
	const draft = account.drafts.create({ to: [boris], subject: "whose is it", text: "1" });
	draft.change({});
	value(await draft.save());
	device.cut();
	draft.change({ text: "2" });
	await account.drafts.flush();
	await replay(memoryHost(worker, databases));
	assert.deepEqual(await drafts(), ["1"]);
	device.mend();
	await see(draft, view => view.state === "saved");
	assert.deepEqual(await drafts(), ["2"]);
	device.cut();
	draft.change({ text: "3" });
	await account.drafts.flush();
	device.close();
	await eventually(async () => (await replay(memoryHost(worker, databases)), (await drafts()).join() === "3"), "it to be saved, once");
});

test("a draft that is given up leaves nothing, also if nobody knows what was saved of it", async () => {
	const device = new Device(), account = await device.signIn(), draft = account.drafts.create({ subject: "given up", text: "1" });
	const fetch = device.platform.fetch.bind(device.platform);
	device.platform.fetch = async (url, init) => {
		const answer = await fetch(url, init);
		if (!String(init?.body).includes('"Email/set"')) return answer;
		device.cut();
		throw new TypeError("the answer was lost");
	};
	draft.change({ text: "2" });
	await draft.save();
	assert.equal((await emails(await new Device().signIn(), "drafts", "given up")).length, 1);
	device.platform.fetch = fetch;
	value(await draft.discard());
	const again = await device.restart();
	device.mend();
	await eventually(async () => (await emails(again, "drafts", "given up")).length === 0, "it to go");
});

test("a session that ends in the middle of writing loses nothing", async () => {
	const device = new Device(), account = await device.signIn(), draft = account.drafts.create({ subject: "expired" });
	draft.change({ text: "before" });
	value(await draft.save());
	device.platform.cookie = "pombal=0000";
	draft.change({ text: "after" });
	await draft.save();
	await see(device.app.session, state => state.state === "expired");
	assert.equal(get(draft).state, "kept");
	assert.equal(device.app.account(), account);
	value(await device.app.signIn("anna@example.test", process.env["PASSWORD_anna"]!));
	assert.equal(device.app.account(), account);
	await see(draft, view => view.state === "saved");
	assert.deepEqual((await emails(account, "drafts", "expired")).map(text), ["after"]);
});

test("attachments go up, stay with the draft, and arrive", async () => {
	const device = new Device(), other = new Device(), account = await device.signIn(), b = await other.signIn("boris");
	const draft = account.drafts.create({ to: [boris], subject: "with a file", text: "see file" }), bytes = new Uint8Array(5_000_000).map((_, at) => at % 251);
	draft.attach(new Blob([bytes], { type: "application/x-test" }), { name: "bytes.bin" });
	await see(draft, view => view.attachments[0]?.blobId && view.state === "saved");
	draft.change({ text: "see the file" });
	value(await draft.save());
	const sending = value(await draft.send({ undoSeconds: 0 }));
	assert.equal(sending.state === "failed", false, JSON.stringify(sending));
	const [got] = await eventually(async () => { const list = await emails(b, "inbox", "with a file"); return list.length > 0 && list; }, "the message") as Email[];
	assert.equal(got!.attachments![0]!.name, "bytes.bin");
	const file = value(await b.files.download(got!.attachments![0]!.blobId!));
	assert.deepEqual(new Uint8Array(await file.arrayBuffer()), bytes);
	await eventually(async () => (await emails(account, "sent", "with a file")).length === 1 && (await emails(account, "drafts", "with a file")).length === 0, "it to be among what was sent");
});

test("a message is held for a moment, and can be had back", async () => {
	const device = new Device(), account = await device.signIn(), draft = account.drafts.create({ to: [boris], subject: "too early", text: "x" });
	const sending = value(await draft.send({ undoSeconds: 30 }));
	assert.equal(sending.state, "held");
	assert.equal((await emails(account, "sent", "too early")).length, 1);
	const back = value(await account.outbox.cancel(sending.id));
	assert.equal(get(back).content.subject, "too early");
	assert.deepEqual((await emails(account, "drafts", "too early")).length, 1);
	assert.equal((await emails(account, "sent", "too early")).length, 0);
	await see(account.outbox, list => list.length === 0);
});

test("a message for later shows on other devices, and goes when it is told to", async () => {
	const device = new Device(), other = new Device(), account = await device.signIn(), b = await other.signIn();
	const draft = account.drafts.create({ to: [anna], subject: "tomorrow", text: "x" });
	const sending = value(await draft.send({ at: new Date(Date.now() + 86_400_000) }));
	assert.equal(sending.state, "held");
	const [shown] = await see(b.outbox, list => list.length === 1);
	assert.equal(shown!.subject, "tomorrow");
	value(await b.outbox.reschedule(shown!.id));
	await eventually(async () => (await emails(account, "inbox", "tomorrow")).length === 1, "the message");
	await see(account.outbox, list => list.length === 0);
});

test("an answer marks what it answers, and a message offline waits in the outbox", async () => {
	const device = new Device(), account = await device.signIn();
	await deliver("question", { id: "question@else.example", from: "Boris <boris@example.test>" });
	const [question] = await eventually(async () => { const list = await emails(account, "inbox", "question"); return list.length > 0 && list; }, "the question") as Email[];
	device.cut();
	const draft = account.drafts.create({ to: [boris], subject: "Re: question", text: "yes", inReplyTo: question!.messageId, references: question!.messageId, original: { id: question!.id, as: "reply" } });
	await account.refresh();
	const sending = value(await draft.send({ undoSeconds: 0 }));
	assert.equal(sending.state, "queued");
	const again = await device.restart();
	await see(again.outbox, list => list[0]?.state === "queued" && list[0].subject === "Re: question");
	device.mend();
	await see(again.outbox, list => list.length === 0);
	await see(again.messages.email(question!.id), head => head?.keywords["$answered"]);
	assert.equal((await emails(again, "sent", "Re: question")).length, 1);
});

test("a send whose answer is lost goes out once", async () => {
	const device = new Device(), other = new Device(), account = await device.signIn(), b = await other.signIn("boris");
	value(await (async () => account.mailboxes.need("sent"))());
	const draft = account.drafts.create({ to: [boris], subject: "once", text: "x" });
	const fetch = device.platform.fetch.bind(device.platform);
	device.platform.fetch = async (url, init) => {
		if (typeof init?.body === "string" && init.body.includes("EmailSubmission/set") && init.body.includes("create")) device.platform.lose = 1;
		const answer = await fetch(url, init).finally(() => (device.platform.fetch = init?.body && String(init.body).includes("EmailSubmission/set") ? fetch : device.platform.fetch));
		return answer;
	};
	value(await draft.send({ undoSeconds: 0 }));
	await eventually(async () => { device.mend(); await account.refresh(); return get(account.outbox).length === 0; }, "the outbox to be empty");
	await eventually(async () => (await emails(b, "inbox", "once")).length === 1, "the message");
	assert.equal((await emails(account, "sent", "once")).length, 1);
	await new Promise(resolve => setTimeout(resolve, 500));
	assert.equal((await emails(b, "inbox", "once")).length, 1);
});

test("what the server won't send comes back as a draft", async () => {
	const device = new Device(), account = await device.signIn(), draft = account.drafts.create({ to: [{ name: "", email: "nobody@example.test" }], subject: "to nobody", text: "x" });
	draft.change({});
	value(await draft.save());
	const sending = value(await draft.send({ undoSeconds: 0 }));
	assert.equal(sending.state, "failed");
	const back = value(await account.outbox.cancel(sending.id));
	assert.equal(get(back).content.subject, "to nobody");
	assert.deepEqual(get(account.outbox), []);
	value(await back.save());
	assert.equal((await emails(account, "drafts", "to nobody")).length, 1);
	// One that is refused later is told of then.
	device.cut();
	await account.refresh();
	const later = value(await back.send({ undoSeconds: 0 }));
	assert.equal(later.state, "queued");
	device.mend();
	const [told] = await see(account.outbox, list => list[0]?.state === "failed"), again = value(await account.outbox.cancel(told!.id));
	assert.equal(told!.error!.type, "invalidRecipients");
	value(await again.save());
	assert.equal((await emails(account, "drafts", "to nobody")).length, 1);
});

test("what the service worker has sent the page doesn't send again", async () => {
	const databases = new MemoryDatabases(), device = new Device(databases), account = await device.signIn(), other = await new Device().signIn("boris");
	const worker = Object.assign(platform(), { cookie: device.platform.cookie });
	device.cut();
	await account.refresh();
	assert.equal(value(await account.drafts.create({ to: [boris], subject: "by the worker", text: "x" }).send({ undoSeconds: 0 })).state, "queued");
	await replay(memoryHost(worker, databases));
	device.mend();
	await see(account.outbox, list => list.length === 0);
	await eventually(async () => (await emails(account, "sent", "by the worker")).length === 1, "the message");
	await eventually(async () => (await emails(other, "inbox", "by the worker")).length === 1, "it to arrive");
	assert.equal((await emails(account, "sent", "by the worker")).length, 1);
});

test("a draft that goes on, on another device, marks what it answers or forwards", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	await deliver("to be answered", { id: "answered@else.example" });
	await deliver("to be forwarded", { id: "forwarded@else.example" });
	const arrived = (subject: string) => eventually(async () => (await emails(a, "inbox", subject))[0], subject) as Promise<Email>;
	const answered = await arrived("to be answered"), forwarded = await arrived("to be forwarded");
	const begun = [
		a.drafts.create({ to: [boris], subject: "Re: on", text: "1", inReplyTo: answered.messageId, references: answered.messageId, original: { id: answered.id, as: "reply" } }),
		a.drafts.create({ to: [boris], subject: "Fwd: on", text: "2", forwards: forwarded.messageId![0]!, original: { id: forwarded.id, as: "forward" } }),
	];
	for (const draft of begun) {
		draft.change({});
		value(await draft.save());
		draft.close();
		const other = value(await b.drafts.open({ emailId: get(draft).emailId! }));
		other.change({ text: "from there" });
		value(await other.save());
		value(await other.send({ undoSeconds: 0 }));
	}
	await see(a.messages.email(answered.id), head => head?.keywords["$answered"]);
	await see(a.messages.email(forwarded.id), head => head?.keywords["$forwarded"]);
	const [sent] = await emails(b, "sent", "Re: on");
	assert.deepEqual(sent!.inReplyTo, answered.messageId);
});

test("that a message was read is told once, or never if it isn't to be, and who has asked hears of it", async () => {
	const device = new Device(), other = new Device(), account = await device.signIn(), b = await other.signIn("boris");
	for (const subject of ["tell me", "tell me not"]) value(await b.drafts.create({ to: [anna], subject, text: "x", wantsReceipt: true }).send({ undoSeconds: 0 }));
	const [asked, unheard] = await Promise.all(["tell me", "tell me not"].map(subject => eventually(async () => (await emails(account, "inbox", subject))[0], subject) as Promise<Email>));
	value(await account.receipts.send(asked!.id, { subject: "Прочитано: tell me", text: "Показано." }, false));
	await see(account.messages.email(asked!.id), head => head?.keywords["$mdnsent"]);
	value(await account.receipts.send(asked!.id, { subject: "x", text: "x" }, false)); // it was told: nothing to do
	account.receipts.decline(unheard!.id);
	await see(account.messages.email(unheard!.id), head => head?.keywords["$mdnsent"]);
	await eventually(async () => (await emails(b, "inbox", "Прочитано: tell me")).length === 1, "the receipt");
	const [mine] = await emails(b, "sent", "tell me");
	await eventually(async () => Object.values(value(await b.outbox.status(mine!.id))[0]?.deliveryStatus ?? {}).some(status => status.displayed === "yes"), "the receipt to be known");
	assert.equal((await emails(b, "inbox", "Прочитано: tell me")).length, 1);
});
