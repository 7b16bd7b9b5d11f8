// Where the pages begin.
import "./ui/tokens.css";
import "./ui/base.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { chooseLanguage, LANGUAGES, setLanguage } from "./base/i18n.svelte.ts";
import { startRouter } from "./base/router.svelte.ts";
import { openApp } from "./model/app.ts";
import { recall, startTheme } from "./ui/theme.svelte.ts";
import { registerWorker } from "./worker/register.ts";

/** What was chosen on this device, or else what the browser is set to. */
function firstLanguage() {
	const kept = recall("language");
	return LANGUAGES.find((one) => one === kept) ?? chooseLanguage(navigator.languages);
}

const place = document.getElementById("app");
startTheme();
startRouter();
if (place) {
	const app = openApp(undefined, registerWorker());
	void Promise.all([setLanguage(firstLanguage()), app.start()]).then(([, started]) => mount(App, { target: place, props: { app, unreachable: !started.ok } }));
}
