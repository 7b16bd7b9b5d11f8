/* The page on which somebody lets a program in: plain HTML, a form, no script. */
#include "web/oauth.h"

struct words {
	const char *code, *title, *wants, *careful, *name, *password, *allow, *deny, *faulty;
	const char *troubles[OAUTH_TROUBLES];
};

static const struct words languages[LANGUAGE_COUNT] = {
	[LANGUAGE_EN] = {"en", "Let a program in", "wants to read, change and send the mail of your account here, until you end that.",
		"That is what the program calls itself. Go on only if you have just asked it to, on this device.", "Address", "Password", "Let it in", "No",
		"That can't go on: the program has not asked for it as it must. Nothing was allowed.",
		{"", "Address or password is wrong.", "There were too many failures. Try again later.", "That isn't possible now. Try again later.",
		 "That takes the account's own password, not an app password."}},
	[LANGUAGE_PT] = {"pt", "Deixar entrar um programa", "quer ler, alterar e enviar o correio da sua conta neste servidor, até que termine essa permissão.",
		"É o nome que o programa dá a si mesmo. Continue só se acabou de lho pedir, neste dispositivo.", "Endereço", "Senha", "Deixar entrar", "Não",
		"Não é possível continuar: o programa não fez o pedido como deve. Nada foi permitido.",
		{"", "O endereço ou a senha está errado.", "Houve demasiadas falhas. Tente mais tarde.", "Agora não é possível. Tente mais tarde.",
		 "Aqui é precisa a senha da própria conta, não uma senha de aplicação."}},
	[LANGUAGE_RU] = {"ru", "Впустить программу", "хочет читать, изменять и отправлять почту вашей учётной записи на этом сервере, пока вы это не прекратите.",
		"Так программа называет себя сама. Продолжайте, только если вы сами только что начали это на этом устройстве.", "Адрес", "Пароль", "Впустить", "Нет",
		"Продолжить нельзя: программа попросила об этом не так, как должна. Ничего не разрешено.",
		{"", "Неверный адрес или пароль.", "Слишком много неудачных попыток. Попробуйте позже.", "Сейчас это невозможно. Попробуйте позже.",
		 "Здесь нужен пароль самой учётной записи, а не пароль приложения."}},
};

static const struct words *words_for(const struct http_exchange *exchange)
{
	struct slice field;
	enum auth_language language = LANGUAGE_EN;
	if (http_head_find(&exchange->head, "Accept-Language", &field))
		auth_language_accepted(field, &language);
	return &languages[language];
}

static void put_text(struct buf *out, const char *before, struct slice text, const char *after)
{
	buf_append_text(out, before);
	web_oauth_put_html(out, text);
	buf_append_text(out, after);
}

static void put_hidden(struct buf *out, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	buf_printf(out, "<input type=\"hidden\" name=\"%s\"", name);
	put_text(out, " value=\"", value, "\">\n");
}

static void begin(struct buf *out, const struct words *words)
{
	buf_printf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
			"<link rel=\"icon\" href=\"/dove.svg\" type=\"image/svg+xml\">\n<link rel=\"stylesheet\" href=\"/page.css\">\n</head>\n<body>\n<main>\n"
			"<img src=\"/dove.svg\" alt=\"\" width=\"72\" height=\"72\">\n<h1>%s</h1>\n", words->code, words->title, words->title);
}

static void send_page(struct http_exchange *exchange, int status, struct buf *page)
{
	buf_append_text(page, "</main>\n</body>\n</html>\n");
	if (page->overflow)
		http_refuse(exchange, 500, "the page is too large");
	else
		http_answer(exchange, status, "text/html; charset=utf-8", buf_slice(page));
	buf_free(page);
}

static void set_policy(struct http_exchange *exchange, struct slice redirect)
{
	struct buf policy = BUF(OAUTH_POLICY_MAX);
	buf_append_text(&policy, "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action ");
	web_oauth_put_form_action(&policy, redirect);
	exchange->policy = arena_copy(exchange->arena, buf_slice(&policy)).at;
	buf_free(&policy);
}

/* What was asked for goes along, as it came: it is looked at again when the form comes. */
static void put_form(struct buf *out, const struct words *words, const struct web_oauth_request *request)
{
	struct slice resource, rest = request->resource;
	buf_append_text(out, "<form method=\"post\" action=\"/oauth/authorize\">\n");
	put_hidden(out, "client_id", request->client_id);
	put_hidden(out, "redirect_uri", request->redirect_uri);
	put_hidden(out, "response_type", request->response_type);
	put_hidden(out, "code_challenge", request->code_challenge);
	put_hidden(out, "code_challenge_method", request->code_challenge_method);
	put_hidden(out, "state", request->state);
	put_hidden(out, "scope", request->scope);
	while (rest.len > 0) {
		slice_cut(rest, ' ', &resource, &rest);
		put_hidden(out, "resource", resource);
	}
	struct slice name = request->name.len > 0 ? request->name : request->login_hint;
	buf_printf(out, "<label>%s\n", words->name);
	put_text(out, "<input name=\"name\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required value=\"", name, "\"></label>\n");
	buf_printf(out, "<label>%s\n<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\n", words->password);
	buf_printf(out, "<p><button name=\"answer\" value=\"allow\">%s</button>\n<button name=\"answer\" value=\"deny\" formnovalidate>%s</button></p>\n</form>\n", words->allow, words->deny);
}

void web_oauth_send_page(struct http_exchange *exchange, const struct web_oauth_request *request, struct slice program, enum web_oauth_trouble trouble)
{
	static const int statuses[OAUTH_TROUBLES] = {[OAUTH_NO_TROUBLE] = 200, [OAUTH_WRONG] = 401, [OAUTH_OFTEN] = 429, [OAUTH_NOT_NOW] = 503, [OAUTH_LIMITED] = 403};
	const struct words *words = words_for(exchange);
	struct buf page = BUF(OAUTH_PAGE_MAX);
	begin(&page, words);
	put_text(&page, "<p><strong><bdi>", program, "</bdi></strong> ");
	buf_printf(&page, "%s</p>\n<p>%s</p>\n", words->wants, words->careful);
	if (trouble != OAUTH_NO_TROUBLE)
		buf_printf(&page, "<p role=\"alert\"><strong>%s</strong></p>\n", words->troubles[trouble]);
	put_form(&page, words, request);
	set_policy(exchange, request->redirect_uri);
	http_add_field(exchange, "Vary", SLICE("Accept-Language"));
	send_page(exchange, statuses[trouble], &page);
}

void web_oauth_send_fault(struct http_exchange *exchange, const char *what)
{
	const struct words *words = words_for(exchange);
	struct buf page = BUF(OAUTH_PAGE_MAX);
	begin(&page, words);
	buf_printf(&page, "<p>%s</p>\n<p>%s</p>\n", words->faulty, what);
	set_policy(exchange, SLICE(""));
	http_add_field(exchange, "Vary", SLICE("Accept-Language"));
	send_page(exchange, 400, &page);
}
