/* A reload: the configuration as it is now in the place of the one that the server works by. What options.def calls live is
 * sent to the roles, which follow at once; a role whose options it names is ended in order and started anew, with its
 * listeners open meanwhile, so that nobody is refused. It is done when every role has said that it follows. */
#include "base/clock.h"
#include "base/log.h"
#include "main/master.h"

enum {
	ROLE_START_MS = 30000, /* how long a role may take to be ready again */
	ROLE_NAMES_MAX = 1024, /* of a sentence that names roles */
};

/* "the smtp and reader roles start anew" */
static void name_tls_roles(struct buf *out)
{
	size_t left = 0;
	for (size_t i = 0; i < ROLE_COUNT; i++)
		left += role_rows[i].tls;
	buf_append_text(out, "the");
	for (size_t i = 0, said = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].tls) {
			left--;
			buf_printf(out, "%s%s", said++ == 0 ? " " : left == 0 ? " and " : ", ", role_names[i]);
		}
	buf_append_text(out, " roles start anew");
}

/* Says each option that has changed, and fills in which roles must start anew. Returns how many have. A role makes its TLS server at its start only: the first
 * certificate, or none any more (`tls`), is more than another one. */
static int64_t compare(const struct config *former, const struct config *now, bool tls, struct buf *said, bool anew[ROLE_COUNT])
{
	int64_t changed = 0;
	bool network = false;
	struct buf all_tls = BUF(ROLE_NAMES_MAX);
	name_tls_roles(&all_tls);
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind == OPTION_KIND_SECTION || config_same_value(former, now, option))
			continue;
		bool certificates = tls && slice_equal(slice_of(option->name), SLICE("certificates"));
		const char *effect = certificates ? all_tls.at : option_effects[option->effect];
		changed++;
		log_info("reload.option", log_text("option", option->name), log_text("effect", effect));
		buf_printf(said, "option %s %s\n", option->name, effect);
		network |= option->effect == EFFECT_NETWORK;
		if (option->effect >= EFFECT_ROLES)
			anew[option->effect - EFFECT_ROLES] = true;
	}
	for (size_t i = 0; i < ROLE_COUNT; i++)
		anew[i] |= (tls && role_rows[i].tls) || (network && role_rows[i].rights.network);
	buf_free(&all_tls);
	return changed;
}

/* Who is about to end needs nothing any more. */
static void send_to(struct master *master, enum role_name name)
{
	struct master_child *child = &master->children[name];
	if (child->stopping)
		return;
	child->unfollowed += master_tell_child(master, name, CONTROL_CONFIG, master->config);
	if (role_rows[name].tls)
		child->unfollowed += master_tell_child(master, name, CONTROL_CERTIFICATES, master->certificates);
}

static void set_log_level(void)
{
	enum log_level level = LOG_LEVEL_INFO;
	log_level_parse(slice_of(config_current()->log_level), &level);
	log_set_role("master", level);
}

bool master_reload(struct master *master, struct buf *said, struct error *error)
{
	bool anew[ROLE_COUNT] = {false};
	const struct config *former = config_current();
	bool had = master->has_certificates;
	if (master->stopping)
		return error_set(error, ERROR_DENIED, "the server is stopping");
	if (!master_load(master, true, error)) {
		log_error("reload.failed", log_text("reason", error->text));
		return false;
	}
	set_log_level();
	log_info("reload.begun", log_number("changed", compare(former, config_current(), had != master->has_certificates, said, anew)));
	master->reloading = true;
	master->trouble[0] = '\0';
	master->reload_deadline = clock_monotonic_ms() + config_current()->drain_time * 1000 + MASTER_STOP_GRACE_MS + ROLE_START_MS;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (anew[i])
			master_restart_child(master, (enum role_name)i);
		else
			send_to(master, (enum role_name)i);
	return true;
}

static const char *who_is_missing(const struct master *master)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (master->children[i].anew || master->children[i].unfollowed > 0)
			return role_names[i];
	return NULL;
}

void master_continue_reload(struct master *master)
{
	const char *missing = who_is_missing(master);
	if (!master->reloading || (missing && clock_monotonic_ms() <= master->reload_deadline))
		return;
	master->reloading = false;
	if (missing && !master->trouble[0])
		snprintf(master->trouble, sizeof master->trouble, "%s doesn't follow in time", missing);
	if (master->trouble[0])
		log_error("reload.failed", log_text("reason", master->trouble));
	else
		log_info("reload.done");
}
