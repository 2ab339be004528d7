// Calls of the program that served this page.

import { t } from './i18n.js';
import { beginSession, session } from './session.js';

/** An answer that is none, with words for people. */
export class Refusal extends Error {
    constructor(status, code, message, retryAfter = null) {
        super(message);
        Object.assign(this, { status, code, retryAfter });
    }
}

let renew = async () => false;

/** @param {function(): Promise<boolean>} ask Called when a token has ended; answers whether there is a new one. */
export function onExpired(ask) {
    renew = ask;
}

/**
 * @param {string} path Under the root, like `admin/queues`.
 * @param {{query: ?Object, body: *, signal: ?AbortSignal}} options
 * @throws {Refusal}
 */
export async function call(method, path, options = {}) {
    const used = session()?.token;
    const answer = await exchange(method, path, options, session());
    if (answer.status === 401 && (session()?.token !== used || await renew())) {
        return read(await exchange(method, path, options, session()));
    }
    return read(answer);
}

export const get = (path, query, signal) => call('GET', path, { query, signal });

/** What answers without a token, and says something also with a 503. */
export async function look(path, signal) {
    const answer = await exchange('GET', path, { signal }, null);
    return answer.status === 503 ? answer.json() : read(answer);
}

/** @throws {Refusal} */
export async function logIn(user, password) {
    const answer = await read(await exchange('POST', 'admin/login', { body: { user, password } }, null));
    beginSession({ token: answer.token, operator: null, name: answer.name, role: answer.role });
}

/** @param {?string} operator Who the token's holder is. */
export async function useToken(token, operator) {
    const answer = await read(await exchange('GET', 'admin/session', {}, { token, operator }));
    beginSession({ token, operator, name: answer.name, role: answer.role });
}

async function exchange(method, path, { query = {}, body, signal }, who) {
    const fields = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value !== '' && value != null));
    const headers = {};
    if (who) headers.Authorization = `Bearer ${who.token}`;
    if (who?.operator) headers['X-Cardume-Operator'] = who.operator;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    try {
        return await fetch(`../${path}${fields.size ? `?${fields}` : ''}`, {
            method, headers, signal, cache: 'no-store',
            body: body === undefined ? undefined : JSON.stringify(body),
        });
    } catch (error) {
        if (error.name === 'AbortError') throw error;
        throw new Refusal(0, 'unreachable', t('error.unreachable'));
    }
}

async function read(answer) {
    const body = await answer.json().catch(() => null);
    if (answer.ok) return body;
    const retryAfter = Number(answer.headers.get('Retry-After')) || null;
    throw new Refusal(
        answer.status, body?.error?.code ?? 'error', body?.error?.message ?? t('error.status', { status: answer.status }),
        retryAfter);
}

/** A name as one segment of a path. */
export const segment = encodeURIComponent;
