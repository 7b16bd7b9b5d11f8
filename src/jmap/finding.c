/* See finding.h. */
#include "jmap/finding.h"

#include "auth/auth.h"

enum score_language jmap_findings_language(const struct jmap_call *call)
{
	static const enum score_language languages[LANGUAGE_COUNT] = {[LANGUAGE_EN] = SCORE_ENGLISH, [LANGUAGE_PT] = SCORE_PORTUGUESE, [LANGUAGE_RU] = SCORE_RUSSIAN};
	const struct jmap_request *request = call->request;
	return languages[request->language_said ? request->language : auth_language(request->service->auth, account_name(call->account))];
}

void jmap_findings_read(struct slice record, char separator, enum score_language language, struct arena *arena, struct jmap_findings *findings)
{
	struct score_found *list;
	*findings = (struct jmap_findings){.count = policy_record_read(record, separator, language, arena, &list)};
	findings->list = list;
	findings->main = policy_record_main(list, findings->count);
	for (size_t i = 0; i < findings->count; i++)
		findings->points += list[i].points;
}

json_t *jmap_findings_json(const struct jmap_findings *findings)
{
	json_t *list = json_array();
	for (size_t i = 0; i < findings->count; i++)
		json_array_append_new(list, json_pack("{s:o, s:f, s:s}", "rule", jmap_text(findings->list[i].name), "points", findings->list[i].points / 100.0, "text", findings->list[i].text));
	return list;
}
