// Who uses the panel. The token is kept for this tab alone and sent in a header: there is no cookie that another site's page
// could use.

const store = 'cardume.session';
const ranks = ['viewer', 'operator', 'admin'];

let current = JSON.parse(sessionStorage.getItem(store) ?? 'null');

export function session() {
    return current;
}

/** @param {{token: string, operator: ?string, name: string, role: string}} value */
export function beginSession(value) {
    current = value;
    sessionStorage.setItem(store, JSON.stringify(value));
}

export function endSession() {
    current = null;
    sessionStorage.removeItem(store);
}

/** Whether `role`, or one that may more, is the user's. What the server allows is the server's decision. */
export function may(role) {
    return current !== null && ranks.indexOf(current.role) >= ranks.indexOf(role);
}
