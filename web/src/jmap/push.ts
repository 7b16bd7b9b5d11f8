/* Being told of changes: over a WebSocket (RFC 8887) in browsers, where it takes none of the few connections that pages may have; over an event source (RFC 8620 §7.3)
 * elsewhere. Comes again by itself after a break, and says so each time: who listens asks then what he has missed. */
import type { Client } from "./client.ts";
import type { StateChange } from "./types.ts";
import { backOff } from "./platform.ts";

/** Seconds between signs of life; without one for so many, the connection is dead. */
const PING = 30, DEAD = 75;

export interface PushEvents {
	/** News, by account and type. */
	onChange(changed: StateChange["changed"]): void;
	/** It listens from now on: what happened before must be asked for. */
	onConnected(): void;
	/** Nothing comes at the moment. */
	onBroken(): void;
	/** May it try? Asked before each attempt; false ends it until wake(). */
	mayConnect(): Promise<boolean>;
}

/** Listens until it is closed. */
export class Push {
	readonly #client: Client;
	readonly #events: PushEvents;
	readonly #end = new AbortController();
	#nap = new AbortController();
	#current: AbortController | null = null;
	#lastEvent: string | null = null;
	#attempt = 0;

	constructor(client: Client, events: PushEvents) {
		this.#client = client;
		this.#events = events;
		void this.#run();
	}

	/** The network may be back, or somebody has signed in again: try now. */
	wake(): void {
		this.#attempt = 0;
		this.#nap.abort();
	}

	close(): void {
		this.#end.abort();
		this.#nap.abort();
		this.#current?.abort();
	}

	async #run(): Promise<void> {
		while (!this.#end.signal.aborted) {
			this.#nap = new AbortController();
			if ((await this.#events.mayConnect()) && !this.#end.signal.aborted) {
				this.#current = new AbortController();
				await (this.#client.platform.WebSocket ? this.#socket(this.#current.signal) : this.#stream(this.#current.signal)).catch(() => {});
				this.#current.abort();
				if (this.#end.signal.aborted) return;
				this.#events.onBroken();
			}
			await this.#client.platform.sleep(backOff(this.#attempt++, this.#client.platform.random()), this.#nap.signal);
		}
	}

	#connected(): void {
		this.#attempt = 0;
		this.#events.onConnected();
	}

	#take(text: string): void {
		const change = JSON.parse(text) as StateChange;
		if (change["@type"] !== "StateChange" || typeof change.changed !== "object") return;
		this.#lastEvent = change.pushState ?? this.#lastEvent;
		this.#events.onChange(change.changed);
	}

	// ---- Event source ----

	async #stream(signal: AbortSignal): Promise<void> {
		const client = this.#client, abort = new AbortController(), stop = () => abort.abort();
		signal.addEventListener("abort", stop);
		let alive = client.platform.now();
		const watch = setInterval(() => client.platform.now() - alive > DEAD * 1000 && abort.abort(), 5000);
		(watch as { unref?: () => void }).unref?.();
		try {
			const url = client.url(client.session!.eventSourceUrl).replace("{types}", "*").replace("{closeafter}", "no").replace("{ping}", String(PING));
			const headers: Record<string, string> = { Accept: "text/event-stream", ...(this.#lastEvent ? { "Last-Event-ID": this.#lastEvent } : {}) };
			const response = await client.platform.fetch(url, { headers, signal: abort.signal, cache: "no-store" });
			if (response.status === 401) client.onSignedOut();
			if (!response.ok || !response.body) return;
			this.#connected();
			const reader = response.body.getReader(), events = new EventReader();
			for (;;) {
				const { done, value } = await reader.read();
				if (done) return;
				alive = client.platform.now();
				for (const event of events.add(value)) {
					if (event.id) this.#lastEvent = event.id;
					if (event.name === "state") this.#take(event.data);
				}
			}
		} finally {
			clearInterval(watch);
			signal.removeEventListener("abort", stop);
			abort.abort();
		}
	}

	// ---- WebSocket ----

	#socket(signal: AbortSignal): Promise<void> {
		const client = this.#client, url = client.url("/jmap/ws").replace(/^http/, "ws");
		return new Promise(resolve => {
			const socket = new client.platform.WebSocket!(url, "jmap");
			let alive = client.platform.now(), opened = false;
			const watch = setInterval(() => {
				if (client.platform.now() - alive > DEAD * 1000) socket.close();
				else if (opened) socket.send(JSON.stringify({ "@type": "Request", using: ["urn:ietf:params:jmap:core"], methodCalls: [["Core/echo", {}, "0"]] }));
			}, PING * 1000);
			signal.addEventListener("abort", () => socket.close());
			socket.onopen = () => {
				opened = true;
				socket.send(JSON.stringify({ "@type": "WebSocketPushEnable", dataTypes: null, ...(this.#lastEvent ? { pushState: this.#lastEvent } : {}) }));
				this.#connected();
			};
			socket.onmessage = event => {
				alive = client.platform.now();
				if (typeof event.data === "string") this.#take(event.data);
			};
			socket.onclose = () => {
				clearInterval(watch);
				resolve();
			};
		});
	}
}

/** Takes the bytes of an event source apart (HTML, server-sent events). */
export class EventReader {
	#decoder = new TextDecoder();
	#rest = "";
	#name = "";
	#data: string[] = [];
	#id = "";

	add(bytes: Uint8Array): { name: string; data: string; id: string }[] {
		const found: { name: string; data: string; id: string }[] = [], text = this.#rest + this.#decoder.decode(bytes, { stream: true });
		const held = text.endsWith("\r") ? text.slice(0, -1) : text, lines = held.split(/\r\n|\n|\r/);
		this.#rest = lines.pop()! + text.slice(held.length);
		for (const line of lines) {
			if (line !== "") this.#field(line);
			else if (this.#data.length > 0) found.push({ name: this.#name || "message", data: this.#data.join("\n"), id: this.#id });
			if (line === "") [this.#name, this.#data] = ["", []];
		}
		return found;
	}

	#field(line: string): void {
		const colon = line.indexOf(":"), name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
		if (name === "event") this.#name = value;
		else if (name === "data") this.#data.push(value);
		else if (name === "id") this.#id = value;
	}
}
