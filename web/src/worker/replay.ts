/* What a service worker does while no page is open: sends what waits, and says what is new. */
import { Client } from "../jmap/client.ts";
import { MAIL } from "../jmap/methods.ts";
import { browserPlatform, type Platform } from "../jmap/platform.ts";
import { listSeats, loadSession } from "../jmap/session.ts";
import type { EmailHead, Id } from "../jmap/types.ts";
import type { AccountOf } from "../model/account.ts";
import { AppOf } from "../model/app.ts";
import { browserHost, type Host } from "../model/host.ts";

/** Notifications of one push, at most; what is in them is a stranger's: it is shown as text alone. */
const NEWS_MAX = 3, TEXT_MAX = 200, ACCOUNTS_MAX = 16;

export interface News {
	id: Id;
	threadId: Id;
	/** Whose it is; empty if that isn't known. */
	account: Id;
	from: string;
	subject: string;
	preview: string;
}

type Part = Partial<Pick<EmailHead, "id" | "threadId" | "from" | "subject" | "preview">>;

export function newsOf(email: Part, account: unknown): News {
	const sender = Array.isArray(email.from) ? email.from[0] : null, cut = (text: unknown) => (typeof text === "string" ? text : "").replace(/\s+/g, " ").trim().slice(0, TEXT_MAX);
	return { id: cut(email.id), threadId: cut(email.threadId), account: cut(account), from: cut(sender?.name) || cut(sender?.email), subject: cut(email.subject), preview: cut(email.preview) };
}

/** Sends acts and messages that wait on this device, of all accounts, and saves what windows have left unsaved. True: nothing waits any more. */
export async function replay(host: Host = browserHost()): Promise<boolean> {
	const app = new AppOf(host), started = await app.start();
	try {
		if (!started.ok) return false;
		for (const login of app.logins.value) {
			for (const one of login.expired ? [] : login.accounts) {
				const account = one as AccountOf;
				if (!(await account.engine.sync()).ok) continue;
				await account.acts.flush();
				await account.outbox.flush();
				await account.drafts.saveAll();
			}
		}
		const left = await app.unsaved();
		return left.acts + left.outbox === 0;
	} finally {
		app.close();
	}
}

/** The accounts that this browser is signed in to, each with its session. */
async function clients(platform: Platform): Promise<Client[]> {
	const seats = await listSeats(new Client(platform)), found: Client[] = [];
	for (const { at } of seats.ok ? seats.value : []) {
		const client = new Client(platform, at);
		if ((await loadSession(client)).ok) found.push(client);
	}
	return found;
}

/** The newest unread emails of the inboxes that came after a time (in milliseconds); of those accounts alone, if some are named. */
export async function fetchNews(since: number, accounts: Id[] | null, platform: Platform = browserPlatform()): Promise<News[]> {
	const news: News[] = [];
	for (const client of await clients(platform)) {
		const account = client.session?.primaryAccounts[MAIL];
		if (account && (!accounts || accounts.includes(account))) news.push(...(await fetchNewsOf(client, account, since)));
	}
	return news.slice(0, NEWS_MAX);
}

async function fetchNewsOf(client: Client, account: Id, since: number): Promise<News[]> {
	const boxes = await client.call(account, "Mailbox/get", { ids: null, properties: ["role"] });
	const inbox = boxes.ok ? boxes.value.list.find(one => one.role === "inbox") : undefined;
	if (!inbox) return [];
	const batch = client.batch(account), after = new Date(since).toISOString().replace(/\.\d+/, "");
	const found = batch.call("Email/query", { filter: { operator: "AND", conditions: [{ inMailbox: inbox.id }, { notKeyword: "$seen" }, { after }] }, sort: [{ property: "receivedAt", isAscending: false }], limit: NEWS_MAX });
	const emails = batch.call("Email/get", { "#ids": found.ref("/ids"), properties: ["id", "threadId", "from", "subject", "preview"] });
	return (await batch.send()).ok && emails.result.ok ? emails.result.value.list.map(email => newsOf(email, account)) : [];
}

/** Tells the server that a subscription is ours (RFC 8620 §7.2.2): one of the accounts' it is. */
export async function verify(subscription: Id, code: string, platform: Platform = browserPlatform()): Promise<boolean> {
	for (const client of await clients(platform)) {
		const done = await client.call("", "PushSubscription/set", { update: { [subscription]: { verificationCode: code } } });
		if (done.ok && !done.value.notUpdated?.[subscription]) return true;
	}
	return false;
}

export type PushMessage = { kind: "verification"; id: Id; code: string } | { kind: "emails"; emails: News[] } | { kind: "change"; accounts: Id[] } | { kind: "other" };

/** What a push message says. It came through a push service: nothing of it is believed beyond its form. */
export function readPush(text: string): PushMessage {
	let message: Record<string, unknown>;
	try {
		message = Object(JSON.parse(text)) as Record<string, unknown>;
	} catch {
		return { kind: "other" };
	}
	const { pushSubscriptionId: id, verificationCode: code, emails, accountId, changed } = message;
	if (message["@type"] === "PushVerification" && typeof id === "string" && typeof code === "string") return { kind: "verification", id, code };
	if (message["@type"] === "EmailPush" && Array.isArray(emails)) return { kind: "emails", emails: emails.slice(0, NEWS_MAX).map(one => newsOf(Object(one) as Part, accountId)) };
	return message["@type"] === "StateChange" ? { kind: "change", accounts: Object.keys(Object(changed) as object).slice(0, ACCOUNTS_MAX) } : { kind: "other" };
}
