/* What single recipients and domains want of attachments (option attachment_for): each entry names whom it is for, and what is another way for
 * them than the other options say. A message is one for all of its recipients, so it is judged as each of them wants it, and the strictest counts. */
#include "config/config.h"
#include "policy/attachments.h"

enum { KINDS_MAX = 200, WAYS_MAX = 20 }; /* kinds in an entry; ways in which a message is judged */

static struct config_string_list kinds_of(struct slice value, struct arena *arena)
{
	struct config_string_list list = {.at = arena_array(arena, KINDS_MAX, sizeof(char *))};
	struct slice kind;
	for (bool more = true; more && list.count < KINDS_MAX;) {
		more = slice_cut(value, ',', &kind, &value);
		list.at[list.count++] = arena_text(arena, kind);
	}
	return list;
}

/* One "NAME=VALUE", which was checked when the file was read. */
static void set(struct config *config, struct slice name, struct slice value, struct arena *arena)
{
	const struct {
		struct slice name;
		struct config_string_list *list;
		const char **text;
	} settings[] = {
		{SLICE("reject"), &config->attachment_reject, NULL}, {SLICE("quarantine"), &config->attachment_quarantine, NULL},
		{SLICE("strip"), &config->attachment_strip, NULL}, {SLICE("encrypted"), NULL, &config->attachment_encrypted},
		{SLICE("macros"), NULL, &config->attachment_macros}, {SLICE("bomb"), NULL, &config->attachment_bomb},
		{SLICE("unscannable"), NULL, &config->attachment_unscannable},
	};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (!slice_equal(name, settings[i].name))
			continue;
		if (settings[i].list)
			*settings[i].list = kinds_of(value, arena);
		else
			*settings[i].text = arena_text(arena, value);
	}
}

static void set_all(struct config *config, struct slice settings, struct arena *arena)
{
	struct slice setting, name, value;
	while (settings.len > 0) {
		slice_cut(settings, ' ', &setting, &settings);
		if (slice_cut(setting, '=', &name, &value))
			set(config, name, value, arena);
	}
}

/* Whether the entry is for this recipient, and as an address. */
static bool is_for(struct slice who, struct slice recipient)
{
	size_t at = slice_find_last_char(recipient, '@');
	if (slice_find_char(who, '@') != SLICE_NONE)
		return slice_equal_nocase(who, recipient);
	return at != SLICE_NONE && slice_equal_nocase(who, slice_skip(recipient, at + 1));
}

/* The options as they are for one recipient: first what his domain wants, then what he does. Returns a number that says which entries that were. */
static uint64_t options_for(struct slice recipient, const struct config *config, struct config *own, struct arena *arena)
{
	uint64_t entries = 0;
	*own = *config; /* what it points to stays where it is */
	for (int address = 0; address < 2; address++)
		for (size_t i = 0; i < config->attachment_for.count; i++) {
			struct slice who, settings;
			slice_cut(slice_of(config->attachment_for.at[i]), ' ', &who, &settings);
			if (!is_for(who, recipient) || (slice_find_char(who, '@') != SLICE_NONE) != address)
				continue;
			set_all(own, settings, arena);
			entries = entries * 31 + i + 1;
		}
	return entries;
}

static bool is_stricter(const struct policy_findings *a, const struct policy_findings *b)
{
	return a->action != b->action ? a->action > b->action : a->cut_count > b->cut_count;
}

/* Takes over what was found, and demanded, in the strictest way. */
static void take_over(struct policy_findings *findings, const struct policy_findings *own)
{
	for (size_t i = 0; i < own->count; i++)
		policy_findings_add(findings, own->list[i].rule, own->list[i].points, own->list[i].detail);
	policy_findings_demand(findings, own->action, own->reply);
	if (own->fields.len > 0)
		policy_findings_field(findings, own->fields);
	for (size_t i = 0; i < own->cut_count; i++)
		findings->cuts[i] = own->cuts[i];
	findings->cut_count = own->cut_count;
}

void policy_attachments_judge_for(struct slice recipients, struct slice message, const struct attach_report *report, const struct config *config,
				  struct policy_findings *findings)
{
	struct slice recipient;
	uint64_t ways[WAYS_MAX];
	size_t count = 0;
	struct policy_findings *strictest = arena_alloc(findings->arena, sizeof *strictest), *own = arena_alloc(findings->arena, sizeof *own);
	struct config *options = arena_alloc(findings->arena, sizeof *options);
	do {
		slice_cut(recipients, '\n', &recipient, &recipients);
		uint64_t way = options_for(recipient, config, options, findings->arena);
		bool known = false;
		for (size_t i = 0; i < count; i++)
			known |= ways[i] == way;
		if (known || count == WAYS_MAX)
			continue;
		ways[count++] = way;
		*own = (struct policy_findings){.arena = findings->arena};
		policy_attachments_judge(message, report, options, own);
		if (count == 1 || is_stricter(own, strictest))
			*strictest = *own;
	} while (recipients.len > 0);
	take_over(findings, strictest);
}
