/* What a person sets, for all his devices. JMAP has no object for it, but one that fits: a card of the kind "application" (RFC 9553 §2.1.4) with a property of our own, in an
 * address book of its own that isn't subscribed, so that address books elsewhere don't show it. The card's uid is always the same, so that there is one only. Each setting is a
 * patch of its own: two devices that change different ones don't undo each other. Offline they are kept on this device, and sent later. */
import { Store } from "../base/store.ts";
import { failureOf, good, isPassing, type Result } from "../jmap/errors.ts";
import type { Id } from "../jmap/types.ts";
import type { Engine } from "./engine.ts";
import type { Settings, SettingsValue } from "./types.ts";

export const SETTINGS_UID = "pombal-web-settings", SETTINGS_PROPERTY = "pombal.internal:settings", SETTINGS_BOOK = "Settings of Pombal's web mail";
/** Changes are sent together after so many milliseconds. */
const SEND_AFTER = 800;

export const defaults: SettingsValue = {
	theme: "system", language: null, density: "comfortable", conversations: true, undoSend: 10, markRead: 0, remoteImages: "ask", imagesFrom: [], composeHtml: true, signaturePlace: "above", spelling: true,
	afterAct: "next", receipts: "ask", shortcuts: true, notifications: false, swipeLeft: "archive", swipeRight: "read", readingPane: "right", labels: [],
};

type Given = Record<string, unknown>;

const LABELS_MAX = 200;
const isText = (value: unknown): value is string => typeof value === "string";
const oneOf = (...all: unknown[]) => (value: unknown) => all.includes(value);
const within = (least: number, most: number) => (value: unknown) => typeof value === "number" && value >= least && value <= most;
const swipe = oneOf(null, "archive", "trash", "junk", "read", "unread", "star");
const isLabel = (one: unknown) => typeof one === "object" && one !== null && [(one as Given)["keyword"], (one as Given)["name"], (one as Given)["color"]].every(isText);
/** What each may be; of others of our own it is their kind. */
const MAY_BE: { [name: string]: (value: unknown) => boolean } = {
	theme: oneOf("system", "light", "dark"), density: oneOf("comfortable", "compact"), language: value => value === null || isText(value), undoSend: within(0, 60), markRead: value => value === null || within(0, 3600)(value),
	remoteImages: oneOf("never", "ask", "known"), signaturePlace: oneOf("above", "below"), afterAct: oneOf("next", "previous", "list"), receipts: oneOf("never", "ask", "always"), swipeLeft: swipe, swipeRight: swipe,
	readingPane: oneOf("right", "bottom", "none"), imagesFrom: value => Array.isArray(value) && value.every(isText), labels: value => Array.isArray(value) && value.length <= LABELS_MAX && value.every(isLabel),
};

/** A patch that says null takes a property away (RFC 8620 §5.3): those that may be nothing say so in a word. */
const NOTHING = "none", MAY_BE_NOTHING = ["markRead", "swipeLeft", "swipeRight"];

function sent(change: Given): Given {
	return Object.fromEntries(Object.entries(change).map(([name, value]) => [name, value === null && MAY_BE_NOTHING.includes(name) ? NOTHING : value]));
}

function received(given: Given): Given {
	return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value === NOTHING && MAY_BE_NOTHING.includes(name) ? null : value]));
}

/** Without values that none of ours can have: any program that may write contacts may have put them there. */
export function fitting(given: Given): Given {
	return Object.fromEntries(Object.entries(given).filter(([name, value]) => {
		if (Object.hasOwn(MAY_BE, name)) return MAY_BE[name]!(value);
		return !Object.hasOwn(defaults, name) || typeof value === typeof defaults[name];
	}));
}

export class SettingsOf implements Settings {
	readonly #engine: Engine;
	readonly #store = new Store<SettingsValue>(defaults);
	#server: Given = {};
	/** What the server doesn't have yet. */
	#waiting: Given = {};
	#card: Id | null = null;
	#timer: ReturnType<typeof setTimeout> | null = null;
	#running: Promise<Result<void>> | null = null;
	#again = false;

	constructor(engine: Engine) {
		this.#engine = engine;
		engine.watch("ContactCard", () => void this.#sync());
	}

	async start(): Promise<void> {
		const [server, waiting] = await this.#engine.db.getMany<Given>("meta", ["settings", "settingsWaiting"]);
		this.#server = { ...server, ...this.#server };
		this.#waiting = { ...waiting, ...this.#waiting };
		this.#show();
	}

	subscribe(run: (value: SettingsValue) => void): () => void {
		return this.#store.subscribe(run);
	}

	get value(): SettingsValue {
		return this.#store.value;
	}

	change(change: Partial<SettingsValue>): void {
		Object.assign(this.#waiting, change);
		this.#show();
		void this.#engine.db.put("meta", [["settingsWaiting", this.#waiting]]);
		if (this.#timer) clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#sync(), SEND_AFTER);
		(this.#timer as { unref?: () => void }).unref?.();
	}

	close(): void {
		if (this.#timer) clearTimeout(this.#timer);
	}

	#show(): void {
		this.#store.set({ ...defaults, ...fitting({ ...this.#server, ...this.#waiting }) } as SettingsValue);
	}

	/** Who comes while it runs has it run once more: what he knows of may have come too late. */
	#sync(): Promise<Result<void>> {
		this.#again = this.#running !== null;
		this.#running ??= this.#exchange().finally(() => {
			this.#running = null;
			if (this.#again) void this.#sync();
		});
		return this.#running;
	}

	/** Takes what the server has, and gives what it hasn't. */
	async #exchange(): Promise<Result<void>> {
		const loaded = await this.#load();
		if (!loaded.ok) return loaded;
		const sending = { ...this.#waiting };
		if (Object.keys(sending).length === 0) return good(undefined);
		const sent = this.#card ? await this.#update(this.#card, sending) : await this.#create(sending);
		if (!sent.ok && isPassing(sent.error)) return sent;
		// What is refused stays on this device alone: it would be refused again.
		if (sent.ok) Object.assign(this.#server, sending);
		for (const [name, value] of Object.entries(sending)) if (this.#waiting[name] === value && sent.ok) delete this.#waiting[name];
		this.#show();
		await this.#engine.db.put("meta", [["settings", this.#server], ["settingsWaiting", this.#waiting]]);
		return sent;
	}

	async #load(): Promise<Result<void>> {
		const engine = this.#engine, batch = engine.client.batch(engine.account);
		const found = batch.call("ContactCard/query", { filter: { uid: SETTINGS_UID } }), cards = batch.call("ContactCard/get", { "#ids": found.ref("/ids") });
		const sent = await batch.send();
		if (!sent.ok) return sent;
		if (!cards.result.ok) return cards.result;
		const card = cards.result.value.list.find(one => one.uid === SETTINGS_UID);
		this.#card = card?.id ?? null;
		const value = card?.[SETTINGS_PROPERTY];
		if (value && typeof value === "object") this.#server = received(value as Given);
		this.#show();
		await engine.db.put("meta", [["settings", this.#server]]);
		return good(undefined);
	}

	async #update(id: Id, change: Given): Promise<Result<void>> {
		const patch = Object.fromEntries(Object.entries(sent(change)).map(([name, value]) => [`${SETTINGS_PROPERTY}/${name.replace(/~/g, "~0").replace(/\//g, "~1")}`, value]));
		const done = await this.#engine.client.call(this.#engine.account, "ContactCard/set", { update: { [id]: patch } });
		const error = done.ok ? done.value.notUpdated?.[id] : null;
		return error ? { ok: false, error: failureOf(error) } : done.ok ? good(undefined) : done;
	}

	async #create(change: Given): Promise<Result<void>> {
		const engine = this.#engine, books = await engine.client.call(engine.account, "AddressBook/get", { ids: null });
		if (!books.ok) return books;
		let book = books.value.list.find(one => one.name === SETTINGS_BOOK)?.id;
		if (!book) {
			const made = await engine.client.call(engine.account, "AddressBook/set", { create: { b: { name: SETTINGS_BOOK, isSubscribed: false } } });
			if (!made.ok) return made;
			book = made.value.created?.["b"]?.id;
		}
		if (!book) return { ok: false, error: { kind: "refused", type: "", message: "the address book for settings couldn't be made" } };
		const card = { uid: SETTINGS_UID, kind: "application", name: { full: SETTINGS_BOOK }, addressBookIds: { [book]: true }, [SETTINGS_PROPERTY]: sent(change) };
		const done = await engine.client.call(engine.account, "ContactCard/set", { create: { c: card } });
		const error = done.ok ? done.value.notCreated?.["c"] : null;
		// Another device may have made it meanwhile: it is found the next time.
		return error ? { ok: false, error: failureOf(error) } : done.ok ? good(undefined) : done;
	}
}
