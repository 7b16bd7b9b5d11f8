// Keys of a conversation that is read.
import { t } from "../base/i18n.svelte.ts";
import type { Binding } from "../base/keyboard.ts";

export interface ReadingActs {
	step: (by: number) => void;
	toggle: () => void;
	reply: () => void;
	replyAll: () => void;
	forward: () => void;
}

/** Without acts: for the map of keys. */
export function readingKeys(acts?: ReadingActs): Binding[] {
	return [
		{ keys: "n", label: t("keys.nextLetter"), act: () => acts?.step(1) },
		{ keys: "p", label: t("keys.previousLetter"), act: () => acts?.step(-1) },
		{ keys: "o", label: t("keys.toggleLetter"), act: () => acts?.toggle() },
		{ keys: "r", label: t("read.reply"), act: () => acts?.reply() },
		{ keys: "a", label: t("read.replyAll"), act: () => acts?.replyAll() },
		{ keys: "f", label: t("read.forward"), act: () => acts?.forward() },
	];
}
