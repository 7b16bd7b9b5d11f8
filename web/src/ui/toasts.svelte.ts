// What is said for a moment, below: what was done, and how to take it back.

export interface Toast {
	id: number;
	text: string;
	kind: "done" | "error";
	action?: { label: string; act: () => void };
}

const SHOWN = 3;
let all = $state<Toast[]>([]);
let next = 1;
const timers = new Map<number, ReturnType<typeof setTimeout>>();

export function toasts(): Toast[] {
	return all;
}

/** Says something for a while; gives a function that ends it. One with an action stays longer. */
export function toast(text: string, more: { kind?: "done" | "error"; action?: Toast["action"]; seconds?: number } = {}): () => void {
	const one: Toast = { id: next++, text, kind: more.kind ?? "done", ...(more.action ? { action: more.action } : {}) };
	all = [...all.slice(1 - SHOWN), one];
	arm(one, more.seconds ?? (one.action || one.kind === "error" ? 10 : 5));
	return () => dismiss(one.id);
}

export function dismiss(id: number): void {
	clearTimeout(timers.get(id));
	timers.delete(id);
	all = all.filter((one) => one.id !== id);
}

/** Whoever points at it reads it: time stands still. */
export function hold(id: number): void {
	clearTimeout(timers.get(id));
}

export function arm(one: Toast, seconds = 5): void {
	timers.set(one.id, setTimeout(() => dismiss(one.id), seconds * 1000));
}
