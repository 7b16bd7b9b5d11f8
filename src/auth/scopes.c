/* The words for what somebody may do (enum auth_scope): this table is the only list of them. What isn't kept to everywhere has no word. */
#include "auth/auth.h"

static const struct { const char *word; unsigned scopes; } words[] = {
	{"mail", AUTH_MAY_READ | AUTH_MAY_CHANGE},
	{"mail-read", AUTH_MAY_READ},
	{"send", AUTH_MAY_SEND},
};

static unsigned scopes_of(struct slice word)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_equal_nocase(word, slice_of(words[i].word)))
			return words[i].scopes;
	return 0;
}

bool auth_scopes_parse(struct slice text, unsigned *scopes)
{
	*scopes = 0;
	while (text.len > 0) {
		size_t len = 0;
		while (len < text.len && text.at[len] != ' ' && text.at[len] != ',')
			len++;
		struct slice word = slice_sub(text, 0, len);
		unsigned meant = scopes_of(word);
		if (word.len > 0 && meant == 0)
			return false;
		*scopes |= meant;
		text = slice_skip(text, len + 1);
	}
	return *scopes != 0;
}

const char *auth_scopes_text(unsigned scopes, char out[AUTH_SCOPES_TEXT_MAX])
{
	unsigned said = 0;
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if ((scopes & words[i].scopes) == words[i].scopes && (words[i].scopes & ~said)) {
			len += (size_t)snprintf(out + len, AUTH_SCOPES_TEXT_MAX - len, "%s%s", len > 0 ? " " : "", words[i].word);
			said |= words[i].scopes;
		}
	return out;
}

bool auth_credential_is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.at[i] < ' ' || name.at[i] == 0x7f)
			return false;
	return name.len > 0 && name.len <= AUTH_CREDENTIAL_NAME_MAX && slice_is_utf8(name);
}
