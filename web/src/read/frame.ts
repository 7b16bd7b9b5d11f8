// The frame in which a letter stands: a page of this server's that is empty and may do nothing (/frame; its policy and its sandbox are the server's and ours), into
// which the letter's elements are put. It is as high as the letter is; what is wider than the screen is made smaller, and can be moved where that isn't enough.
import type { Letter } from "./html.ts";
import type { Target } from "./links.ts";

export const FRAME_URL = "/frame";
export const SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";

export interface FrameEvents {
	/** The pointer or the keyboard is on a link, or has left it. */
	onpoint: (target: Target | null) => void;
	/** A link was opened. `touch`: with a finger, which can't point first. */
	onopen: (target: Target, touch: boolean) => void;
	/** A key was pressed that the letter has no use for. */
	onkey: (event: KeyboardEvent) => void;
}

export interface Shown {
	/** The style sheet anew: pictures have come. */
	restyle: () => void;
	end: () => void;
}

const HEIGHT_MAX = 60_000, ZOOM_LEAST = 0.55, ROUNDS_MAX = 200;

const BASE = `
:root { color-scheme: light; --ink: #1f2328; --ground: transparent; --link: #0b57d0; --edge: #c9ced6; --soft: #5b6370 }
:root.dark { color-scheme: dark; --ink: #e4e6ea; --link: #8ab4f8; --edge: #4a4f57; --soft: #a2a9b4 }
html, body { margin: 0; padding: 0; height: auto !important; min-height: 0 !important; background: transparent; overflow-y: hidden; -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
html { overflow-x: auto }
body { position: relative; color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere }
#letter { display: flow-root; contain: layout; min-height: 1em }
.letter-body { display: flow-root }
:root.paper { --ink: #1f2328; --link: #0b57d0; color-scheme: light }
:root.paper #letter { background: #fff; padding: 12px; border-radius: 8px }
/* What a letter says for itself counts more than these, so they have no weight of their own. */
:where(a:link, a:visited) { color: var(--link) }
:where(a, summary):focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px }
img { max-width: 100% }
:where(img:not([data-picture])) { height: auto; border: 0 }
img[data-picture] { display: inline-block; box-sizing: border-box; overflow: hidden; background: color-mix(in srgb, var(--soft) 12%, transparent); outline: 1px dashed var(--edge); outline-offset: -1px; font-size: 12px; line-height: 1.3; color: var(--soft) }
:where(table) { max-width: 100% }
:where(pre, tt, code, kbd, samp) { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .92em }
pre { white-space: pre-wrap }
:where(blockquote) { margin: .6em 0 .6em .2em; padding-left: .9em; border-left: 3px solid var(--edge) }
:where(h1, h2, h3) { line-height: 1.25 }
:where(hr) { border: 0; border-top: 1px solid var(--edge) }
.pombal-quoted > summary { display: inline-block; list-style: none; cursor: pointer; margin: .5em 0; padding: 0 .7em; border-radius: 999px; line-height: 1.3; letter-spacing: .1em; color: var(--soft); background: color-mix(in srgb, var(--soft) 16%, transparent); user-select: none }
.pombal-quoted > summary::-webkit-details-marker { display: none }
.gmail_signature, .moz-signature, .pombal-signature { opacity: .68 }
@media print { .pombal-quoted > summary { display: none } :root.dark { color-scheme: light; --ink: #000; --link: #000 } }
`;

function sheetOf(document: Document, text: string): HTMLStyleElement {
	const style = document.createElement("style");
	style.textContent = text;
	document.head.append(style);
	return style;
}

/** Resolves when the empty page is there; null: it isn't (offline, say). */
export function frameReady(frame: HTMLIFrameElement): Promise<Document | null> {
	return new Promise((resolve) => {
		const look = () => {
			const document = frame.contentDocument;
			resolve(document && document.URL.endsWith(FRAME_URL) ? document : null);
		};
		if (frame.contentDocument?.readyState === "complete" && frame.contentDocument.URL.endsWith(FRAME_URL)) look();
		else frame.addEventListener("load", look, { once: true });
	});
}

/** Puts the letter into the frame. `paper`: on white, whatever the page is like. */
export function showLetter(frame: HTMLIFrameElement, document: Document, letter: Letter, { dark, paper, events }: { dark: boolean; paper: boolean; events: FrameEvents }): Shown {
	const root = document.documentElement, place = document.createElement("div"), body = root.querySelector("body")!;
	document.head.replaceChildren();
	root.className = paper ? "paper" : dark ? "dark" : "";
	sheetOf(document, BASE);
	const own = sheetOf(document, letter.sheet());
	place.id = "letter";
	for (const [element, display] of [[root, "block"], [body, "block"], [place, "flow-root"]] as const)
		for (const [name, value] of [["display", display], ["visibility", "visible"], ["position", "relative"], ["float", "none"], ["opacity", "1"], ["width", "auto"], ["max-height", "none"], ["columns", "auto"]] as const)
			element.style.setProperty(name, value, "important"); // whatever the letter says of what it stands in
	place.append(document.adoptNode(letter.body));
	body.replaceChildren(place);
	reapply(place);
	const ends = [followSize(frame, document, place), followLinks(document, place, letter, events)];
	return {
		restyle: () => {
			own.textContent = letter.sheet();
			letter.styles();
		},
		end: () => ends.forEach((end) => end()),
	};
}

/* Where a style attribute was read under a stricter policy than the frame's it is there as text and counts for nothing: it is set once more, here. */
function reapply(place: HTMLElement): void {
	for (const element of place.querySelectorAll<HTMLElement>("[style]")) {
		const style = element.getAttribute("style")!;
		element.removeAttribute("style");
		element.setAttribute("style", style);
	}
}

// ---- Size ----

function followSize(frame: HTMLIFrameElement, document: Document, place: HTMLElement): () => void {
	let rounds = 0, width = -1;
	const measure = () => {
		const room = document.documentElement.clientWidth;
		if (room !== width) {
			width = room;
			rounds = 0;
			place.style.removeProperty("zoom");
			const wide = Math.max(place.scrollWidth, ...Array.from(place.querySelectorAll("table")).slice(0, 200).map((table) => Math.ceil(table.getBoundingClientRect().right)));
			if (room > 0 && wide > room + 2) place.style.setProperty("zoom", String(Math.max(ZOOM_LEAST, Math.floor((room / wide) * 1000) / 1000)));
		}
		if (++rounds > ROUNDS_MAX) return; // what grows with its frame stops here
		const scrolls = document.documentElement.scrollWidth > room + 1 ? 16 : 0;
		frame.style.height = `${Math.min(HEIGHT_MAX, Math.ceil(place.getBoundingClientRect().height) + scrolls)}px`;
	};
	const observer = new ResizeObserver(measure);
	observer.observe(place);
	observer.observe(document.documentElement);
	const loaded = () => {
		width = -1;
		measure();
	};
	place.addEventListener("load", loaded, true);
	measure();
	return () => {
		observer.disconnect();
		place.removeEventListener("load", loaded, true);
	};
}

// ---- Links ----

function followLinks(document: Document, place: HTMLElement, letter: Letter, events: FrameEvents): () => void {
	const targets = new Map<Element, Target>(letter.links.map(({ element, target }) => [element, target]));
	let touch = false;
	const linkAt = (event: Event) => (event.target as Element | null)?.closest?.("a[href]") ?? null; // of another window: instanceof knows it not
	const point = (event: Event) => {
		const link = linkAt(event);
		events.onpoint(link ? targets.get(link) ?? null : null);
	};
	const leave = () => events.onpoint(null);
	const press = (event: Event) => (touch = (event as PointerEvent).pointerType === "touch");
	const click = (event: Event) => {
		const link = linkAt(event), href = link?.getAttribute("href") ?? "";
		if (!link || (event.type === "auxclick" && (event as MouseEvent).button !== 1)) return;
		event.preventDefault();
		const target = targets.get(link);
		if (target) events.onopen(target, touch);
		else if (href.startsWith("#") && href.length > 1) scrollTo(place, href.slice(1));
	};
	const key = (event: Event) => {
		const { key, target } = event as KeyboardEvent;
		if (key !== "Enter" && key !== " " && key !== "Tab" && !(target as Element).closest?.("summary")) events.onkey(event as KeyboardEvent);
	};
	const all: [string, (event: Event) => void][] = [["pointerover", point], ["focusin", point], ["pointerleave", leave], ["focusout", leave], ["pointerdown", press], ["click", click], ["auxclick", click]];
	for (const [name, run] of all) place.addEventListener(name, run);
	document.addEventListener("keydown", key);
	return () => {
		for (const [name, run] of all) place.removeEventListener(name, run);
		document.removeEventListener("keydown", key);
	};
}

function scrollTo(place: HTMLElement, name: string): void {
	const wanted = [name, "user-content-" + name];
	const found = Array.from(place.querySelectorAll("[id]")).find((one) => wanted.includes(one.id));
	found?.scrollIntoView({ block: "start" });
}
