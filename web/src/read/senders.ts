// Whose pictures are shown without asking.
import type { SettingsValue } from "../model/types.ts";
import type { Standing } from "./story.ts";

/** An address as it is kept in the settings. */
export function senderOf(address: string): string {
	return address.trim().toLowerCase();
}

/** May a letter's pictures be got without asking? Of a sender who was allowed only where it is proved that it is he; of junk never. */
export function allowsPictures(settings: Pick<SettingsValue, "remoteImages" | "imagesFrom">, address: string, known: boolean, standing: Standing, junk: boolean): boolean {
	if (junk || settings.remoteImages === "never" || standing === "forged" || standing === "unproved") return false;
	const sender = senderOf(address), domain = sender.slice(sender.lastIndexOf("@"));
	if (sender && settings.imagesFrom.some((one) => one.toLowerCase() === sender || (one.startsWith("@") && one.toLowerCase() === domain))) return true;
	return settings.remoteImages === "known" && known;
}
