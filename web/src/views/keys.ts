// All keys of the frame and of lists, as docs and the map of keys show them.
import { t } from "../base/i18n.svelte.ts";
import type { Binding } from "../base/keyboard.ts";

interface FrameActs {
	write: () => void;
	search: () => void;
	help: () => void;
	undo: () => void;
	settings: () => void;
	contacts: () => void;
	role: (role: "inbox" | "sent" | "drafts" | "archive" | "trash") => void;
}

export function frameKeys(acts: FrameActs): Binding[] {
	return [
		{ keys: "c", label: t("compose.new"), act: acts.write },
		{ keys: "/", label: t("search.label"), act: acts.search },
		{ keys: "?", label: t("keys.title"), act: acts.help },
		{ keys: "z|Mod+z", label: t("ui.undo"), act: acts.undo },
		{ keys: "g i", label: t("role.inbox"), act: () => acts.role("inbox") },
		{ keys: "g t", label: t("role.sent"), act: () => acts.role("sent") },
		{ keys: "g d", label: t("role.drafts"), act: () => acts.role("drafts") },
		{ keys: "g a", label: t("role.archive"), act: () => acts.role("archive") },
		{ keys: "g c", label: t("contacts.heading"), act: acts.contacts },
		{ keys: "g ,", label: t("settings.title"), act: acts.settings },
	];
}

export interface ListActs {
	move: (by: number, extending: boolean) => void;
	open: () => void;
	choose: () => void;
	all: () => void;
	none: () => void;
	archive: () => void;
	remove: () => void;
	junk: () => void;
	star: () => void;
	read: (on: boolean) => void;
	moveMenu: () => void;
	labelMenu: () => void;
	snoozeMenu: () => void;
}

export function listKeys(acts?: ListActs): Binding[] {
	return [
		{ keys: "j|ArrowDown", label: t("keys.next"), act: () => acts?.move(1, false) },
		{ keys: "k|ArrowUp", label: t("keys.previous"), act: () => acts?.move(-1, false) },
		{ keys: "Enter", label: t("keys.open"), act: () => acts?.open() },
		{ keys: "u|Escape", label: t("keys.back"), act: () => acts?.none() },
		{ keys: "x|Space", label: t("keys.choose"), act: () => acts?.choose() },
		{ keys: "Shift+j|Shift+ArrowDown", label: t("keys.extendDown"), act: () => acts?.move(1, true) },
		{ keys: "Shift+k|Shift+ArrowUp", label: t("keys.extendUp"), act: () => acts?.move(-1, true) },
		{ keys: "Mod+a", label: t("list.all"), act: () => acts?.all() },
		{ keys: "e", label: t("act.archive"), act: () => acts?.archive() },
		{ keys: "#|Delete", label: t("act.trash"), act: () => acts?.remove() },
		{ keys: "!", label: t("act.junk"), act: () => acts?.junk() },
		{ keys: "s", label: t("act.star"), act: () => acts?.star() },
		{ keys: "Shift+i", label: t("act.read"), act: () => acts?.read(true) },
		{ keys: "Shift+u", label: t("act.unread"), act: () => acts?.read(false) },
		{ keys: "v", label: t("act.move"), act: () => acts?.moveMenu() },
		{ keys: "l", label: t("act.label"), act: () => acts?.labelMenu() },
		{ keys: "b", label: t("act.snooze"), act: () => acts?.snoozeMenu() },
	];
}
