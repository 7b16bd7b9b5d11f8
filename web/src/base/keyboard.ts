// Keys that do something wherever the focus is, but in fields. A binding is "x", "Shift+j", "Mod+Enter" (Ctrl; Cmd on a Mac), or two in turn: "g i".

export interface Binding {
	/** Alternatives stand side by side, with a "|" between them. */
	keys: string;
	/** What it does, in the language that is shown. */
	label: string;
	act: (event: KeyboardEvent) => void;
}

const PATIENCE_MS = 1200; // between two keys in turn

/** How a key that was pressed is called in bindings. Shift counts where the key gives no sign of its own. */
export function nameOf(event: { key: string; shiftKey: boolean; ctrlKey: boolean; metaKey: boolean; altKey: boolean }): string {
	const letter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
	const key = letter ? event.key.toLowerCase() : event.key === " " ? "Space" : event.key;
	const shift = event.shiftKey && (letter || event.key.length > 1);
	return (event.ctrlKey || event.metaKey ? "Mod+" : "") + (event.altKey ? "Alt+" : "") + (shift ? "Shift+" : "") + key;
}

/** The binding for what was pressed before and now, and whether more may come. */
export function match(bindings: readonly Binding[], before: string, now: string): { binding: Binding | null; waits: boolean } {
	const whole = before ? `${before} ${now}` : now;
	const has = (test: (keys: string) => boolean) => (one: Binding) => one.keys.split("|").some(test);
	return {
		binding: bindings.find(has((keys) => keys === whole)) ?? null,
		waits: bindings.some(has((keys) => keys.startsWith(`${whole} `))),
	};
}

/** Is it typed into something that takes text? */
export function isTyping(target: EventTarget | null): boolean {
	return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(checkbox|radio|button)$/.test(target.getAttribute("type") ?? ""));
}

/** Is it a key that presses what has the focus, or leads about in it? Buttons, links, tabs and menus have these themselves. */
function presses(event: KeyboardEvent): boolean {
	const control = event.target instanceof Element ? event.target.closest("button, a[href], summary, input, [role=menu], [role=tablist]") : null;
	return !!control && !event.ctrlKey && !event.metaKey && !event.altKey && (event.key === "Enter" || event.key === " " || (!control.matches("button, a[href], summary") && /^(Arrow\w+|Home|End)$/.test(event.key)));
}

/** Is it a letter or a sign alone? Who dictates, or whose hand shakes, doesn't want those (WCAG 2.1.4). */
function isCharacter(name: string): boolean {
	return /^(?:Shift\+)?\S$/u.test(name);
}

/** Listens; gives what `keydown` of the window is to call. `bindings` is asked each time. `characters`: do letters and signs count? */
export function listener(bindings: () => readonly Binding[], enabled: () => boolean = () => true, characters: () => boolean = () => true): (event: KeyboardEvent) => void {
	let before = "", at = 0;
	return (event) => {
		if (event.defaultPrevented || event.isComposing || !enabled() || isTyping(event.target) || presses(event) || /^(Shift|Control|Alt|Meta)$/.test(event.key)) return;
		const name = nameOf(event);
		if (isCharacter(name) && !characters()) return;
		if (event.timeStamp - at > PATIENCE_MS) before = "";
		const { binding, waits } = match(bindings(), before, name);
		before = waits && !binding ? name : "";
		at = event.timeStamp;
		if (!binding) return;
		event.preventDefault();
		binding.act(event);
	};
}

/** The keys of a binding as they stand on the keys: "Shift+j" is ⇧ J. */
export function shownKeys(keys: string): string[] {
	const names: Record<string, string> = { Mod: "Ctrl", Shift: "⇧", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Delete: "Del", Escape: "Esc" };
	return (keys.split("|")[0] ?? "").split(/ |(?<=.)\+(?=.)/).map((key) => names[key] ?? (key.length === 1 ? key.toUpperCase() : key));
}
