/* Opening and closing; see opened.h. */
#include "cli/opened.h"

#include "base/log.h"
#include "cli/instance.h"

int cli_opened_run(struct command_line *line, bool (*act)(struct cli_opened *opened))
{
	struct cli_opened opened = {.line = line};
	int status = COMMAND_FAILED;
	log_set_role("command", LOG_LEVEL_WARNING);
	if (!instance_enter(line))
		return status;
	if (!instance_address(line, command_argument(line, 0), &opened.name, &opened.error))
		status = command_fail_with(line, &opened.error);
	else if ((opened.store = instance_store(line))) {
		opened.account = store_open_account(opened.store, opened.name, &opened.error);
		status = opened.account && act(&opened) ? COMMAND_DONE : command_fail_with(line, &opened.error);
	}
	if (opened.account)
		store_release_account(&opened.account);
	if (opened.store)
		store_close(&opened.store);
	config_free_all();
	return status;
}
