// Begins here: a language, somebody who is known, then the view that the address names.

import { onExpired, useToken } from './api.js';
import { h, replace } from './dom.js';
import { preferredLanguage, t, useLanguage } from './i18n.js';
import { languageChanges } from './language.js';
import { loginDialog, loginPage } from './login.js';
import { find } from './routes.js';
import { endSession, may, session } from './session.js';
import { mark, shell } from './shell.js';

let leave = new AbortController();
let renewal = null;

// However many calls find the login ended, it is asked for once.
onExpired(() => {
    renewal ??= loginDialog(logOut).finally(() => { renewal = null; }).then((isKnown) => {
        if (isKnown) refreshShell();
        return isKnown;
    });
    return renewal;
});

/** Somebody else may be there now; what is shown stays. */
function refreshShell() {
    shell(document.getElementById('main'), logOut);
    mark(find(location.hash));
}

function logOut() {
    endSession();
    location.reload();
}

function enter() {
    shell(h('main', { id: 'main', tabindex: '-1' }), logOut);
    show(false);
}

/** @param {boolean} isMove Whether the user has moved here from another view: then it has the focus. */
function show(isMove) {
    if (!session()) return;
    leave.abort();
    leave = new AbortController();
    const found = find(location.hash);
    const title = found ? t(found.route.title, found.parameters) : t('lost.title');
    const heading = h('h1', { tabindex: '-1' }, title);
    const main = document.getElementById('main');
    replace(main, heading);
    document.title = `${title} · Cardume`;
    mark(found);
    if (isMove) heading.focus();
    if (!found || (found.route.role && !may(found.route.role))) {
        main.append(h('p', {}, found ? t('lost.role') : t('lost.hint')));
        return;
    }
    found.route.view({ root: main, parameters: found.parameters, query: found.query, signal: leave.signal });
}

async function start() {
    leave.abort();
    if (!session()) {
        document.title = `${t('login.enter')} · Cardume`;
        loginPage(enter);
        return;
    }
    try {
        // The role may be another one since.
        await useToken(session().token, session().operator);
    } catch (error) {
        if (error.status === 401) {
            endSession();
            return start();
        }
    }
    return enter();
}

window.addEventListener('hashchange', () => show(true));
languageChanges.addEventListener('change', () => (session() ? enter() : loginPage(enter)));

await useLanguage(preferredLanguage());
await start();
