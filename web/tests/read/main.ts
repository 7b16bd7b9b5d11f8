// A page that shows one message as the web mail does, for tests: window.show() says which.
import "../../src/ui/tokens.css";
import "../../src/ui/base.css";
import { mount, unmount } from "svelte";
import { setLanguage } from "../../src/base/i18n.svelte.ts";
import type { Account, Draft, EmailHead, EmailSubmission, Message as Whole, SettingsValue, StoryRow, ThreadView } from "../../src/model/types.ts";
import Message from "../../src/read/Message.svelte";
import Thread from "../../src/read/Thread.svelte";

interface Wanted {
	heads: EmailHead[];
	bodies: Record<string, Whole>;
	settings: Partial<SettingsValue>;
	dark: boolean;
	language: "en" | "pt" | "ru";
	/** As a conversation, or the only message alone. */
	thread: boolean;
	/** What blobs hold: base64, by id. */
	blobs: Record<string, string>;
	/** Attached messages, by the blob. */
	parsed: Record<string, Whole>;
	/** What the server has written down, and its submissions. */
	story: StoryRow[] | null;
	submissions: EmailSubmission[];
	own: boolean;
	known: boolean;
}

const SETTINGS = { shortcuts: true, remoteImages: "ask", imagesFrom: [], receipts: "ask", labels: [{ keyword: "work", name: "Work", color: "#1a6b58" }] } as unknown as SettingsValue;
const done: string[] = [];
let shown: Record<string, unknown> | null = null;

function bytes(text: string, type: string): Blob {
	return new Blob([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))], { type });
}

async function show(wanted: Wanted): Promise<void> {
	if (shown) await unmount(shown);
	document.documentElement.dataset.theme = wanted.dark ? "dark" : "light";
	await setLanguage(wanted.language);
	const account = {
		at: "",
		files: {
			url: (id: string, name: string) => `/download/${id}/${encodeURIComponent(name)}`,
			download: async (id: string, options?: { type?: string }) =>
				wanted.blobs[id] === undefined ? { ok: false, error: { kind: "notFound" } } : { ok: true, value: bytes(wanted.blobs[id]!, options?.type ?? "") },
		},
		messages: {
			read: async (id: string) => ({ ok: true, value: wanted.bodies[id] }),
			parse: async (id: string) => (wanted.parsed[id] ? { ok: true, value: wanted.parsed[id] } : { ok: false, error: { kind: "refused" } }),
			story: async (id: string) => ({ ok: true, value: wanted.story && { id, rows: wanted.story, isComplete: true } }),
		},
		mailboxes: { all: { subscribe: (run: (list: object[]) => void) => (run([{ name: "Junk", role: "junk" }]), () => undefined) } },
		outbox: { status: async () => ({ ok: true, value: wanted.submissions }) },
		settings: { change: (change: object) => done.push("settings " + JSON.stringify(change)) },
	} as unknown as Account;
	const note = (what: string) => (...more: unknown[]) => {
		done.push([what, ...more.map((one) => (typeof one === "object" && one ? (one as EmailHead).id : String(one)))].join(" "));
		return undefined;
	};
	const actions = { reply: note("reply"), replyAll: note("replyAll"), forward: note("forward"), mail: note("mail"), star: note("star"), unread: note("unread"), archive: note("archive"), trash: note("trash"), junk: note("junk"), unlabel: note("unlabel"), receipt: async (_: unknown, automatic: boolean) => (done.push(automatic ? "receipt by itself" : "receipt"), true), noReceipt: note("noReceipt") };
	const settings = { ...SETTINGS, ...wanted.settings } as SettingsValue, target = document.getElementById("app")!;
	const thread: ThreadView = { id: "T" + Math.random(), emails: wanted.heads, state: "ready", error: null };
	shown = wanted.thread
		? mount(Thread, { target, props: { thread, account, settings, dark: wanted.dark, actions, onopened: note("opened") } })
		: mount(Message, { target, props: { head: wanted.heads[0]!, message: wanted.bodies[wanted.heads[0]!.id]!, account, settings, dark: wanted.dark, own: wanted.own, known: wanted.known, open: true, alone: true, actions, ontoggle: note("toggle") } });
}

// ---- Writing ----

interface Begun {
	text: string;
	html: string | null;
	language: "en" | "pt" | "ru";
	dark: boolean;
	/** What the server's dictionaries don't know, and what they would say instead; null: it has none. */
	wrong: Record<string, string[]> | null;
	/** Does the browser mark words itself (CSS Custom Highlight)? */
	highlights: boolean;
}

let drafted: object = {};

async function write(begun: Begun): Promise<void> {
	if (shown) await unmount(shown);
	document.documentElement.dataset.theme = begun.dark ? "dark" : "light";
	await setLanguage(begun.language);
	if (!begun.highlights) Reflect.deleteProperty(globalThis, "Highlight");
	const { default: Compose } = await import("../../src/compose/Compose.svelte");
	const own = new Set<string>(), asked: string[] = [];
	const spelling = {
		languages: begun.wrong ? ["ru", "pt-PT", "en-GB"] : [],
		check: async (words: string[], languages: string[]) => (asked.push(languages.join(" ")), { ok: true, value: new Set(words.filter((word) => begun.wrong?.[word] && !own.has(word))) }),
		suggest: async (word: string) => ({ ok: true, value: begun.wrong?.[word] ?? [] }),
		learn: async (word: string) => (own.add(word), done.push(`learn ${word}`), { ok: true }),
	};
	const content = { identityId: null, to: [], cc: [], bcc: [], replyTo: [], subject: "A letter", text: begun.text, html: begun.html, inReplyTo: null, references: null, original: null, forwards: null, wantsReceipt: false, priority: "normal" };
	const view = { key: "k", emailId: null, content, attachments: [], state: "new", savedAt: null, error: null, conflict: null };
	const store = <T>(value: T) => ({ subscribe: (run: (value: T) => void) => (run(value), () => undefined) });
	drafted = { text: begun.text, html: begun.html };
	const draft = { ...store(view), key: "k", change: (change: object) => void Object.assign(drafted, change), discard: async () => ({ ok: true }), close: () => undefined };
	const account = { spelling, identities: store([]), settings: store({ ...SETTINGS, spelling: true, undoSend: 0 }), addresses: { load: async () => undefined, complete: () => [] }, files: {} };
	Object.assign(window, { asked });
	shown = mount(Compose, { target: document.getElementById("app")!, props: { accounts: [account as unknown as Account], account: account as unknown as Account, draft: draft as unknown as Draft, size: "normal", right: "0px", last: true, onsize: () => undefined, onclose: () => undefined, onreopen: () => undefined } });
}

Object.assign(window, { show, done, write, drafted: () => drafted });
