/* The texts of notifications; see words.h. */
#include "courier/words.h"

static const struct courier_words words[LANGUAGE_COUNT] = {
	[LANGUAGE_EN] = {
		.sender = "Mail Delivery System",
		.subject = {"Your message could not be delivered", "Your message is delayed, and will be tried again", "Your message was delivered"},
		.greeting = "This is the mail server",
		.opening = {
			"Your message could not be delivered to the recipients named below.\r\n"
			"They have not received it, and it will not be tried again.\r\n",
			"Your message has not yet been delivered to the recipients named below.\r\n"
			"You need not do anything: it will be tried again by itself.\r\n",
			"As you asked to be told: this became of your message.\r\n"},
		.delivered = "Delivered.",
		.relayed = "Handed to a server that sends no such notices; you will hear no more unless it fails.",
		.expanded = "Passed on to the several addresses that this one stands for.",
		.refused = "The other server refused the message.",
		.not_taken = "The other server couldn't take the message.",
		.expired = "It was tried again and again until the time allowed was over.",
		.unsure = "It may have been delivered all the same: the other server has got the whole message, and whether it\r\n"
			  "    took it couldn't be learned. Please ask the recipient before you send it again.",
		.returned = "Who runs this mail server has stopped its delivery and gives the message back to you.",
		.retry_until = "It will be tried until",
		.said = "said",
		.detail = "Detail",
		.full = "Your message is attached.",
		.header = "The header of your message is attached.",
	},
	[LANGUAGE_PT] = {
		.sender = "Sistema de entrega de correio",
		.subject = {"A sua mensagem não pôde ser entregue", "A sua mensagem está atrasada e será tentada de novo", "A sua mensagem foi entregue"},
		.greeting = "Este é o servidor de correio",
		.opening = {
			"A sua mensagem não pôde ser entregue aos destinatários abaixo.\r\n"
			"Eles não a receberam, e não haverá mais tentativas.\r\n",
			"A sua mensagem ainda não foi entregue aos destinatários abaixo.\r\n"
			"Não precisa de fazer nada: haverá novas tentativas automáticas.\r\n",
			"Conforme pediu para ser avisado, eis o que aconteceu à sua mensagem.\r\n"},
		.delivered = "Entregue.",
		.relayed = "Passada a um servidor que não envia estes avisos; só terá mais notícias se houver uma falha.",
		.expanded = "Encaminhada para os vários endereços que este representa.",
		.refused = "O outro servidor recusou a mensagem.",
		.not_taken = "O outro servidor não pôde aceitar a mensagem.",
		.expired = "Foi tentada repetidamente até se esgotar o tempo permitido.",
		.unsure = "Pode ter sido entregue mesmo assim: o outro servidor recebeu a mensagem inteira, mas não foi possível\r\n"
			  "    saber se a aceitou. Pergunte ao destinatário antes de a enviar de novo.",
		.returned = "Quem administra este servidor de correio parou a entrega e devolve-lhe a mensagem.",
		.retry_until = "As tentativas continuarão até",
		.said = "respondeu",
		.detail = "Pormenor",
		.full = "A sua mensagem segue em anexo.",
		.header = "O cabeçalho da sua mensagem segue em anexo.",
	},
	[LANGUAGE_RU] = {
		.sender = "Система доставки почты",
		.subject = {"Ваше письмо не удалось доставить", "Доставка вашего письма задерживается и будет повторена", "Ваше письмо доставлено"},
		.greeting = "Это почтовый сервер",
		.opening = {
			"Ваше письмо не удалось доставить получателям, указанным ниже.\r\n"
			"Они его не получили, и новых попыток не будет.\r\n",
			"Ваше письмо пока не доставлено получателям, указанным ниже.\r\n"
			"Вам ничего не нужно делать: попытки будут повторяться сами.\r\n",
			"Вы просили сообщить, что стало с вашим письмом.\r\n"},
		.delivered = "Доставлено.",
		.relayed = "Передано серверу, который не присылает таких уведомлений; вы услышите о письме, только если его не доставят.",
		.expanded = "Передано на несколько адресов, которые стоят за этим.",
		.refused = "Другой сервер отклонил письмо.",
		.not_taken = "Другой сервер не смог принять письмо.",
		.expired = "Попытки повторялись, пока не истекло отведённое время.",
		.unsure = "Возможно, письмо всё же доставлено: другой сервер получил его целиком, но узнать, принял ли он его,\r\n"
			  "    не удалось. Прежде чем отправлять письмо снова, спросите получателя.",
		.returned = "Администратор этого почтового сервера остановил доставку и возвращает вам письмо.",
		.retry_until = "Попытки будут повторяться до",
		.said = "ответил",
		.detail = "Подробности",
		.full = "Ваше письмо приложено.",
		.header = "Заголовок вашего письма приложен.",
	},
};

static const struct courier_held_words held[LANGUAGE_COUNT] = {
	[LANGUAGE_EN] = {
		.subject = {"Mail from your account is held: was it you who sent it?", "Mail from an account is held: has its password been stolen?"},
		.opening = {
			"What was sent from your account may not be from you, for the reason below, so it is held here and not sent on.\r\n"
			"Nothing of it is lost, and other people's mail isn't held up.\r\n",
			"What was sent from an account may not be from its owner, for the reason below, so it is held here and not sent on.\r\n"
			"Nothing of it is lost, and other people's mail isn't held up.\r\n"},
		.account = "Account", .why = "Why", .reasons = {[REASON_HOUR] = "recipients within an hour", [REASON_DAY] = "recipients within a day", [REASON_SET_APART] = "messages in which something dangerous was found", [REASON_SPAM] = "points of spam in a message",
			[REASON_HABIT] = "recipients in a day, unlike its habit", [REASON_HABIT_NETWORK] = "recipients in a day, from a network that is new for it",
			[REASON_HABIT_PEOPLE] = "recipients in a day, mostly at domains that are new for it",
			[REASON_HABIT_COUNTRY] = "recipients in a day, from a country that is new for it"},
		.allowed = "allowed", .messages = "Messages held", .recipients = "Recipients", .first = "The first goes to", .from = "In the name of",
		.clients = "Sent from", .others = "and from others",
		.advice = {
			"If it was you: ask the postmaster to let it go, and say how much you need to send.\r\n"
			"If it wasn't: somebody else has your password. Change it now, and tell the postmaster.\r\n",
			"Ask the owner whether it is his, by telephone rather than by mail: whoever has the password reads along.\r\n"},
		.look = "To look at it", .release = "If it is honest, to let it go", .remove = "If it isn't, to remove it",
		.password = "… and to shut out whoever has the password",
		.closing = "What this account sends meanwhile beyond what it may is held, too, and not told of again until this has been released\r\n"
			   "or removed, or nothing was held for a day. It stays until then; it doesn't expire.\r\n",
	},
	[LANGUAGE_PT] = {
		.subject = {"Correio da sua conta está retido: foi você que o enviou?", "Correio de uma conta está retido: a palavra-passe foi roubada?"},
		.opening = {
			"O que foi enviado da sua conta pode não ser seu, pelo motivo abaixo, por isso está retido aqui e não segue.\r\n"
			"Nada se perdeu, e o correio de outras pessoas não se atrasa.\r\n",
			"O que foi enviado de uma conta pode não ser do dono, pelo motivo abaixo, por isso está retido aqui e não segue.\r\n"
			"Nada se perdeu, e o correio de outras pessoas não se atrasa.\r\n"},
		.account = "Conta", .why = "Motivo", .reasons = {[REASON_HOUR] = "destinatários numa hora", [REASON_DAY] = "destinatários num dia", [REASON_SET_APART] = "mensagens em que se encontrou algo perigoso", [REASON_SPAM] = "pontos de lixo numa mensagem",
			[REASON_HABIT] = "destinatários num dia, contra o costume", [REASON_HABIT_NETWORK] = "destinatários num dia, a partir de uma rede nova para ela",
			[REASON_HABIT_PEOPLE] = "destinatários num dia, a maioria em domínios novos para ela",
			[REASON_HABIT_COUNTRY] = "destinatários num dia, a partir de um país novo para ela"},
		.allowed = "permitidos", .messages = "Mensagens retidas", .recipients = "Destinatários", .first = "A primeira vai para", .from = "Em nome de",
		.clients = "Enviado de", .others = "e de outros",
		.advice = {
			"Se foi você: peça ao postmaster que deixe seguir o correio, e diga quanto precisa de enviar.\r\n"
			"Se não foi: alguém tem a sua palavra-passe. Mude-a já e avise o postmaster.\r\n",
			"Pergunte ao dono se o correio é dele, de preferência por telefone: quem tem a palavra-passe lê o correio dele.\r\n"},
		.look = "Para o ver", .release = "Se é legítimo, para o deixar seguir", .remove = "Se não é, para o apagar",
		.password = "… e para deixar de fora quem tem a palavra-passe",
		.closing = "O que esta conta enviar entretanto a mais também fica retido, sem novo aviso até que este correio siga ou seja apagado,\r\n"
			   "ou até passar um dia sem nada retido. Fica até então; não expira.\r\n",
	},
	[LANGUAGE_RU] = {
		.subject = {"Письма с вашей учётной записи задержаны: это вы их отправили?", "Письма с учётной записи задержаны: не украден ли пароль?"},
		.opening = {
			"Отправленное с вашей учётной записи, возможно, не от вас (причина ниже), поэтому задержано здесь и дальше не идёт.\r\n"
			"Ничего не потеряно, и почта других людей не задерживается.\r\n",
			"Отправленное с учётной записи, возможно, не от владельца (причина ниже), поэтому задержано здесь и дальше не идёт.\r\n"
			"Ничего не потеряно, и почта других людей не задерживается.\r\n"},
		.account = "Учётная запись", .why = "Причина", .reasons = {[REASON_HOUR] = "получателей за час", [REASON_DAY] = "получателей за день", [REASON_SET_APART] = "письма, в которых найдено опасное", [REASON_SPAM] = "баллов спама в письме",
			[REASON_HABIT] = "получателей за день, вопреки обыкновению", [REASON_HABIT_NETWORK] = "получателей за день, из новой для неё сети",
			[REASON_HABIT_PEOPLE] = "получателей за день, большинство в новых для неё доменах",
			[REASON_HABIT_COUNTRY] = "получателей за день, из новой для неё страны"},
		.allowed = "позволено", .messages = "Задержано писем", .recipients = "Получателей", .first = "Первое адресовано", .from = "От имени",
		.clients = "Отправлено с", .others = "и с других",
		.advice = {
			"Если это вы: попросите почтмейстера пропустить письма и скажите, сколько вам нужно отправлять.\r\n"
			"Если не вы: ваш пароль знает кто-то ещё. Смените его сейчас же и сообщите почтмейстеру.\r\n",
			"Спросите владельца, его ли это письма, и лучше по телефону: у кого есть пароль, тот читает его почту.\r\n"},
		.look = "Посмотреть", .release = "Если письма честные, пропустить их", .remove = "Если нет, удалить их",
		.password = "… и закрыть вход тому, у кого есть пароль",
		.closing = "Что эта учётная запись тем временем отправит сверх позволенного, тоже будет задержано, но нового сообщения не будет,\r\n"
			   "пока эти письма не пропущены или не удалены либо пока за день ничего не задержано. До тех пор они остаются здесь: срок не истекает.\r\n",
	},
};

static const struct { const char *status, *reason[LANGUAGE_COUNT]; } reasons[] = {
	{"1.1", {[LANGUAGE_EN] = "There is no mailbox with this address. Please check how it is written.",
		 [LANGUAGE_PT] = "Não existe uma caixa de correio com este endereço. Verifique como está escrito.",
		 [LANGUAGE_RU] = "Почтового ящика с таким адресом нет. Проверьте, как он написан."}},
	{"1.2", {[LANGUAGE_EN] = "The domain of this address doesn't exist or has no mail service. Please check how it is written.",
		 [LANGUAGE_PT] = "O domínio deste endereço não existe ou não tem serviço de correio. Verifique como está escrito.",
		 [LANGUAGE_RU] = "Домена этого адреса нет, или он не принимает почту. Проверьте, как адрес написан."}},
	{"1.3", {[LANGUAGE_EN] = "The address isn't a valid one.",
		 [LANGUAGE_PT] = "O endereço não é válido.",
		 [LANGUAGE_RU] = "Адрес написан неправильно."}},
	{"1.6", {[LANGUAGE_EN] = "The mailbox has moved, and no new address is known here.",
		 [LANGUAGE_PT] = "A caixa de correio mudou, e aqui não se conhece o novo endereço.",
		 [LANGUAGE_RU] = "Почтовый ящик переехал, и новый адрес здесь неизвестен."}},
	{"1.8", {[LANGUAGE_EN] = "The other server doesn't accept your own address as a sender.",
		 [LANGUAGE_PT] = "O outro servidor não aceita o seu endereço como remetente.",
		 [LANGUAGE_RU] = "Другой сервер не принимает ваш адрес как адрес отправителя."}},
	{"1.10", {[LANGUAGE_EN] = "The domain of this address accepts no mail at all.",
		  [LANGUAGE_PT] = "O domínio deste endereço não aceita correio nenhum.",
		  [LANGUAGE_RU] = "Домен этого адреса вообще не принимает почту."}},
	{"2.1", {[LANGUAGE_EN] = "The mailbox is closed and takes no mail.",
		 [LANGUAGE_PT] = "A caixa de correio está fechada e não recebe correio.",
		 [LANGUAGE_RU] = "Почтовый ящик закрыт и не принимает писем."}},
	{"2.2", {[LANGUAGE_EN] = "The mailbox is full. Its owner has to make room before you try again.",
		 [LANGUAGE_PT] = "A caixa de correio está cheia. O dono tem de arranjar espaço antes de tentar de novo.",
		 [LANGUAGE_RU] = "Почтовый ящик переполнен. Владелец должен освободить место, прежде чем вы попробуете снова."}},
	{"2.3", {[LANGUAGE_EN] = "The message is larger than this mailbox takes.",
		 [LANGUAGE_PT] = "A mensagem é maior do que esta caixa de correio aceita.",
		 [LANGUAGE_RU] = "Письмо больше, чем принимает этот почтовый ящик."}},
	{"3.4", {[LANGUAGE_EN] = "The message is larger than the other server takes. Please send it in parts or share the file in another way.",
		 [LANGUAGE_PT] = "A mensagem é maior do que o outro servidor aceita. Envie-a por partes ou partilhe o ficheiro de outra forma.",
		 [LANGUAGE_RU] = "Письмо больше, чем принимает другой сервер. Отправьте его частями или передайте файл иначе."}},
	{"4.1", {[LANGUAGE_EN] = "The other server can't be reached.",
		 [LANGUAGE_PT] = "Não é possível contactar o outro servidor.",
		 [LANGUAGE_RU] = "Другой сервер недоступен."}},
	{"4.2", {[LANGUAGE_EN] = "The connection to the other server broke off.",
		 [LANGUAGE_PT] = "A ligação ao outro servidor foi interrompida.",
		 [LANGUAGE_RU] = "Связь с другим сервером прервалась."}},
	{"4.3", {[LANGUAGE_EN] = "It couldn't be found out which server is responsible for this address.",
		 [LANGUAGE_PT] = "Não foi possível saber que servidor é responsável por este endereço.",
		 [LANGUAGE_RU] = "Не удалось узнать, какой сервер отвечает за этот адрес."}},
	{"4.4", {[LANGUAGE_EN] = "No server is known that takes mail for this address.",
		 [LANGUAGE_PT] = "Não se conhece nenhum servidor que receba correio para este endereço.",
		 [LANGUAGE_RU] = "Неизвестно, какой сервер принимает почту для этого адреса."}},
	{"4.6", {[LANGUAGE_EN] = "The mail servers responsible for this address send the message round in circles.",
		 [LANGUAGE_PT] = "Os servidores responsáveis por este endereço fazem a mensagem andar em círculos.",
		 [LANGUAGE_RU] = "Серверы, отвечающие за этот адрес, пересылают письмо по кругу."}},
	{"4.7", {[LANGUAGE_EN] = "The message couldn't be delivered in the time allowed.",
		 [LANGUAGE_PT] = "A mensagem não pôde ser entregue no tempo permitido.",
		 [LANGUAGE_RU] = "Письмо не удалось доставить за отведённое время."}},
	{"6.1", {[LANGUAGE_EN] = "The message holds binary data that the other server can't take. Please send it with an ordinary attachment encoding.",
		 [LANGUAGE_PT] = "A mensagem contém dados binários que o outro servidor não aceita. Envie-a com uma codificação normal dos anexos.",
		 [LANGUAGE_RU] = "В письме двоичные данные, которые другой сервер не принимает. Отправьте его с обычной кодировкой вложений."}},
	{"6.7", {[LANGUAGE_EN] = "The other server can't handle addresses with letters outside of ASCII.",
		 [LANGUAGE_PT] = "O outro servidor não aceita endereços com letras fora do ASCII.",
		 [LANGUAGE_RU] = "Другой сервер не понимает адресов с буквами не из ASCII."}},
	{"6.9", {[LANGUAGE_EN] = "The other server can't handle letters outside of ASCII in the header of a message.",
		 [LANGUAGE_PT] = "O outro servidor não aceita letras fora do ASCII no cabeçalho de uma mensagem.",
		 [LANGUAGE_RU] = "Другой сервер не понимает букв не из ASCII в заголовке письма."}},
	{"7.1", {[LANGUAGE_EN] = "The other server doesn't allow this message. Its words below may say why.",
		 [LANGUAGE_PT] = "O outro servidor não permite esta mensagem. As palavras dele, abaixo, podem dizer porquê.",
		 [LANGUAGE_RU] = "Другой сервер не пропускает это письмо. Возможно, его ответ ниже объясняет почему."}},
	{"7.10", {[LANGUAGE_EN] = "The other server doesn't offer the encryption that is required here.",
		  [LANGUAGE_PT] = "O outro servidor não oferece a encriptação que aqui é exigida.",
		  [LANGUAGE_RU] = "Другой сервер не предлагает шифрования, которое здесь требуется."}},
};

static const struct courier_digest_words digests[LANGUAGE_COUNT] = {
	[LANGUAGE_EN] = {
		.subject = "Messages for you in quarantine",
		.opening = "Strangers have sent you the messages below. They look like spam, or hold something doubtful, so they were\r\n"
			   "set apart and not delivered. What you don't want you need not do anything about.\r\n",
		.from = "From", .about = "Subject", .arrived = "Came", .points = "Points", .why = "Why", .more = "more, which aren't listed here",
		.own = "If you want one of them, let it through yourself: in the web mail, among the folders, under \"Held back\".\r\n",
		.others = "Those of which it says so only the postmaster lets through. If you want one of them, write to", .not_own = "Only the postmaster can let this one through.",
		.ask = "If you want one of them, write to", .release = "and name its number. He lets it go with",
		.expires = "What nobody has asked for is removed after", .days = "days",
	},
	[LANGUAGE_PT] = {
		.subject = "Mensagens para si em quarentena",
		.opening = "Desconhecidos enviaram-lhe as mensagens abaixo. Parecem lixo, ou trazem algo duvidoso, por isso foram postas de\r\n"
			   "parte e não entregues. Com as que não quiser não precisa de fazer nada.\r\n",
		.from = "De", .about = "Assunto", .arrived = "Chegou", .points = "Pontos", .why = "Motivo", .more = "mais, que não estão nesta lista",
		.own = "Se quiser alguma, deixe-a passar: no correio web, entre as pastas, em «Retidas».\r\n",
		.others = "As que o indicam só o postmaster deixa passar. Se quiser alguma delas, escreva para", .not_own = "Só o postmaster pode deixar passar esta.",
		.ask = "Se quiser alguma, escreva para", .release = "e indique o número dela. Ele deixa-a seguir com",
		.expires = "As que ninguém pedir são apagadas ao fim de", .days = "dias",
	},
	[LANGUAGE_RU] = {
		.subject = "Письма для вас в карантине",
		.opening = "Незнакомые отправители прислали вам письма, названные ниже. Они похожи на спам или содержат что-то сомнительное,\r\n"
			   "поэтому отложены и не доставлены. С теми, что вам не нужны, ничего делать не надо.\r\n",
		.from = "От", .about = "Тема", .arrived = "Пришло", .points = "Баллов", .why = "Причина", .more = "ещё, которых нет в этом списке",
		.own = "Если какое-то из них вам нужно, пропустите его сами: в веб-почте, среди папок, в разделе «Задержанные».\r\n",
		.others = "Те, о которых это сказано, пропускает только почтмейстер. Если нужно одно из них, напишите на", .not_own = "Это письмо может пропустить только почтмейстер.",
		.ask = "Если какое-то из них вам нужно, напишите на", .release = "и назовите его номер. Пропускают его командой",
		.expires = "То, о чём никто не попросит, удаляется через", .days = "дней",
	},
};

const struct courier_digest_words *courier_words_digest(enum auth_language language)
{
	return &digests[language];
}

static const struct courier_wrap_words wraps[LANGUAGE_COUNT] = {
	[LANGUAGE_EN] = {"The message below looks like junk, so it comes inside of this report.", "The message is attached as it came. Open it only if you know its sender.",
			 "The message follows as plain text, as it came."},
	[LANGUAGE_PT] = {"A mensagem abaixo parece lixo, por isso vem dentro deste relatório.", "A mensagem segue em anexo tal como chegou. Abra-a só se conhecer o remetente.",
			 "A mensagem segue como texto simples, tal como chegou."},
	[LANGUAGE_RU] = {"Письмо ниже похоже на спам, поэтому пришло внутри этого отчёта.", "Письмо приложено в том виде, в каком пришло. Открывайте его, только если знаете отправителя.",
			 "Письмо приведено как простой текст, в том виде, в каком пришло."},
};

const struct courier_wrap_words *courier_words_wrap(enum auth_language language)
{
	return &wraps[language];
}

static const struct courier_vacation_words vacations[LANGUAGE_COUNT] = {
	[LANGUAGE_EN] = {"Auto", "I don't read my mail at the moment. Your message has arrived, and I will read it later.\r\n"},
	[LANGUAGE_PT] = {"Auto", "De momento não leio o meu correio. A sua mensagem chegou, e vou lê-la mais tarde.\r\n"},
	[LANGUAGE_RU] = {"Auto", "Сейчас я не читаю почту. Ваше письмо пришло, я прочту его позже.\r\n"},
};

const struct courier_vacation_words *courier_words_vacation(enum auth_language language)
{
	return &vacations[language];
}

const struct courier_held_words *courier_words_held(enum auth_language language)
{
	return &held[language];
}

const struct courier_words *courier_words_in(enum auth_language language)
{
	return &words[language];
}

const char *courier_words_reason(enum auth_language language, struct slice status)
{
	struct slice detail = slice_skip(status, 2);
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (slice_equal(detail, slice_of(reasons[i].status)))
			return reasons[i].reason[language];
	return status.len > 0 && status.at[0] == '5' ? words[language].refused : words[language].not_taken;
}
