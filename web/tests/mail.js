// What the server has of an account, asked over JMAP beside the pages: tests say by it what came of a click.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { PASSWORD, until } from "./server.js";

const USING = ["core", "mail", "submission", "vacationresponse", "contacts", "quota", "mdn"].map((name) => `urn:ietf:params:jmap:${name}`);

export class Mail {
	constructor(server, address) {
		this.server = server;
		this.address = address;
		this.credentials = `Basic ${Buffer.from(`${address}:${PASSWORD}`).toString("base64")}`;
	}

	/** Each time by a connection of its own: one that is kept may be ended at the very moment that something is asked by it. What is cut off, since the account was changed (any change ends what it has
	 * open), is asked again where that does no harm. */
	async ask(path, options = {}, repeat = !options.method) {
		for (let left = 5; ; left--) {
			try {
				const answer = await fetch(this.server.origin + path, { ...options, headers: { Authorization: this.credentials, Connection: "close", ...options.headers } });
				return new Response(answer.status === 204 ? null : await answer.arrayBuffer(), { status: answer.status, headers: answer.headers });
			} catch (error) {
				if (!repeat || left === 0) throw error;
				await sleep(100);
			}
		}
	}

	/** Ends all that he is signed in to. */
	endSessions() {
		return this.ask("/sessions/all", { method: "DELETE", headers: { Origin: this.server.origin } }, true);
	}

	/** What one call is answered with. */
	async call(name, given = {}) {
		return (await this.calls([[name, given]]))[0];
	}

	/** What several calls of one request are answered with; [name, given]. */
	async calls(list) {
		if (!this.account) {
			const session = await (await this.ask("/.well-known/jmap")).json();
			this.account = session.primaryAccounts[USING[1]];
			this.using = USING.filter((one) => one in session.capabilities);
		}
		const body = JSON.stringify({ using: this.using, methodCalls: list.map(([name, given], i) => [name, { accountId: this.account, ...given }, String(i)]) });
		const answer = await this.ask("/jmap/api", { method: "POST", body, headers: { "Content-Type": "application/json" } }, list.every(([name]) => /\/(?:get|query)$/.test(name))), text = await answer.text();
		assert.equal(answer.status, 200, text);
		const { methodResponses } = JSON.parse(text);
		return list.map(([name], i) => {
			const [said, result] = methodResponses.find(([, , id]) => id === String(i));
			assert.equal(said, name, JSON.stringify(result));
			return result;
		});
	}

	/** Puts a letter into a mailbox, as of that time; its id. */
	async put(letter, box, receivedAt) {
		const mailbox = (await this.boxes()).get(box).id;
		const { blobId } = await (await this.ask(`/jmap/upload/${this.account}/`, { method: "POST", body: Buffer.from(letter, "latin1"), headers: { "Content-Type": "message/rfc822" } })).json();
		const { created, notCreated } = await this.call("Email/import", { emails: { e: { blobId, mailboxIds: { [mailbox]: true }, receivedAt: receivedAt.toISOString().replace(/\.\d+/, "") } } });
		assert.ok(created?.e, JSON.stringify(notCreated));
		return created.e.id;
	}

	/** Mailboxes by their roles, or else their names. */
	async boxes() {
		return new Map((await this.call("Mailbox/get", { ids: null })).list.map((one) => [one.role ?? one.name, one]));
	}

	/** All emails: subject, where they are, keywords, and what `more` names. */
	async emails(more = [], fetched = {}) {
		const properties = ["id", "threadId", "blobId", "subject", "mailboxIds", "keywords", ...more], ids = { resultOf: "1", name: "Email/query", path: "/ids" };
		const [boxes, , { list }] = await this.calls([["Mailbox/get", { ids: null }], ["Email/query", {}], ["Email/get", { "#ids": ids, properties, ...fetched }]]);
		const names = new Map(boxes.list.map((one) => [one.id, one.role ?? one.name]));
		return list.map((one) => ({ ...one, in: Object.keys(one.mailboxIds).map((id) => names.get(id)).sort(), keywords: Object.keys(one.keywords) }));
	}

	/** Waits until the emails of that subject are as `test` wants them. */
	async until(subject, test, what) {
		let found = [];
		try {
			return await until(async () => {
				found = (await this.emails()).filter((one) => one.subject === subject);
				return test(found) && (found[0] ?? true);
			}, `${subject}: ${what}`);
		} catch (error) {
			throw new Error(`${error.message}; there are ${JSON.stringify(found.map((one) => [one.in, one.keywords]))}`);
		}
	}

	/** Waits until it is in that mailbox alone. */
	isIn(subject, box) {
		return this.until(subject, (found) => found.length > 0 && found.every((one) => one.in.join() === box), `to be in ${box}`);
	}

	/** Waits until all of that subject have the keyword, or haven't. */
	has(subject, keyword, on = true) {
		return this.until(subject, (found) => found.length > 0 && found.every((one) => one.keywords.includes(keyword) === on), `${on ? "" : "not "}to be ${keyword}`);
	}

	isGone(subject) {
		return this.until(subject, (found) => found.length === 0, "to be gone");
	}

	/** The whole of a message that was sent or kept: its properties, and the value of its first text and HTML part. */
	async whole(subject) {
		const properties = ["from", "to", "cc", "bcc", "subject", "header:X-Priority:asText", "header:Disposition-Notification-To:asText", "attachments", "bodyValues", "textBody", "htmlBody"];
		return until(async () => (await this.emails(properties, { fetchAllBodyValues: true })).find((one) => one.subject === subject), `the message ${subject}`).then((one) => ({
			...one, text: one.bodyValues[one.textBody[0]?.partId]?.value ?? "", html: one.bodyValues[one.htmlBody[0]?.partId]?.value ?? "",
		}));
	}

	async settings() {
		const [, { list }] = await this.calls([["ContactCard/query", { filter: { uid: "pombal-web-settings" } }], ["ContactCard/get", { "#ids": { resultOf: "0", name: "ContactCard/query", path: "/ids" } }]]);
		return list[0]?.["pombal.internal:settings"] ?? {};
	}

	/** Sets what he hasn't set yet, as another device would. */
	async set(settings) {
		const { created } = await this.call("AddressBook/set", { create: { s: { name: "Settings of Pombal's web mail", isSubscribed: false } } });
		const card = { uid: "pombal-web-settings", kind: "application", name: { full: "Settings" }, addressBookIds: { [created.s.id]: true }, "pombal.internal:settings": settings };
		const made = await this.call("ContactCard/set", { create: { c: card } });
		assert.ok(made.created?.c, JSON.stringify(made));
	}

	/** Waits until a setting is so. */
	isSet(name, value) {
		return until(async () => JSON.stringify((await this.settings())[name]) === JSON.stringify(value), `the setting ${name} to be ${JSON.stringify(value)}`);
	}

	async contacts() {
		const { list } = await this.call("ContactCard/get", { ids: null });
		return list.filter((one) => one.kind !== "application");
	}
}
