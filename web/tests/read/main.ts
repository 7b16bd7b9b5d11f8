// A page that shows one message as the web mail does, for tests: window.show() says which.
import "../../src/ui/tokens.css";
import "../../src/ui/base.css";
import { mount, unmount } from "svelte";
import { setLanguage } from "../../src/base/i18n.svelte.ts";
import type { Account, EmailHead, Message as Whole, SettingsValue, ThreadView } from "../../src/model/types.ts";
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
}

const SETTINGS = { remoteImages: "ask", imagesFrom: [], receipts: "ask", labels: [{ keyword: "work", name: "Work", color: "#1a6b58" }] } as unknown as SettingsValue;
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
		files: {
			url: (id: string, name: string) => `/download/${id}/${encodeURIComponent(name)}`,
			download: async (id: string, options?: { type?: string }) =>
				wanted.blobs[id] === undefined ? { ok: false, error: { kind: "notFound" } } : { ok: true, value: bytes(wanted.blobs[id]!, options?.type ?? "") },
		},
		messages: { read: async (id: string) => ({ ok: true, value: wanted.bodies[id] }) },
		settings: { change: (change: object) => done.push("settings " + JSON.stringify(change)) },
	} as unknown as Account;
	const note = (what: string) => (...more: unknown[]) => {
		done.push([what, ...more.map((one) => (typeof one === "object" && one ? (one as EmailHead).id : String(one)))].join(" "));
		return undefined;
	};
	const actions = { reply: note("reply"), replyAll: note("replyAll"), forward: note("forward"), mail: note("mail"), star: note("star"), unread: note("unread"), archive: note("archive"), trash: note("trash"), junk: note("junk"), unlabel: note("unlabel"), receipt: async () => (done.push("receipt"), true) };
	const settings = { ...SETTINGS, ...wanted.settings } as SettingsValue, target = document.getElementById("app")!;
	const thread: ThreadView = { id: "T" + Math.random(), emails: wanted.heads, state: "ready", error: null };
	shown = wanted.thread
		? mount(Thread, { target, props: { thread, account, settings, dark: wanted.dark, actions, onopened: note("opened") } })
		: mount(Message, { target, props: { head: wanted.heads[0]!, message: wanted.bodies[wanted.heads[0]!.id]!, account, settings, dark: wanted.dark, open: true, alone: true, actions, ontoggle: note("toggle") } });
}

Object.assign(window, { show, done });
