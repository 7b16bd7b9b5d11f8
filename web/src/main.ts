// Where the pages begin.
import "./ui/tokens.css";
import "./ui/base.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { chooseLanguage, setLanguage } from "./base/i18n.svelte.ts";
import { startRouter } from "./base/router.svelte.ts";
import { startTheme } from "./ui/theme.svelte.ts";

const place = document.getElementById("app");
startTheme();
startRouter();
if (place) void setLanguage(chooseLanguage(navigator.languages)).then(() => mount(App, { target: place }));
