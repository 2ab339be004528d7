// Elements made from data, and brought up to date in place.
//
// Children that are no nodes become text: nothing that comes from outside is ever read as markup.

/**
 * @param {string} tag
 * @param {Object} attributes Strings are set as they are; `true` is an attribute without a value, `false`, `null` and
 *     `undefined` are none. `on` holds handlers by the event's name, `value` and `checked` are set on the element itself.
 */
export function h(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
    return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (name === 'on') {
            listen(element, value);
        } else if (name === 'value' || name === 'checked') {
            // After the children: a select has no options before.
            continue;
        } else if (value !== false && value !== null && value !== undefined) {
            element.setAttribute(name, value === true ? '' : value);
        }
    }
    element.append(...nodes(children));
    if (attributes.value !== undefined && attributes.value !== null) element.value = attributes.value;
    if (attributes.checked !== undefined) element.checked = attributes.checked;
    return element;
}

function nodes(children) {
    return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
        .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** One listener for each kind of event; what it calls may be exchanged. */
function listen(element, handlers) {
    element.handlers = handlers;
    element.heard ??= new Set();
    for (const type of Object.keys(handlers)) {
        if (element.heard.has(type)) continue;
        element.heard.add(type);
        element.addEventListener(type, (event) => element.handlers[type]?.(event));
    }
}

/** Makes `parent` hold `children` and nothing else. */
export function replace(parent, ...children) {
    parent.replaceChildren(...nodes(children));
}

/**
 * Makes `parent` hold what `children` say, changing only what differs: focus, selection and open details stay. What users type
 * into does not belong in there.
 */
export function update(parent, ...children) {
    const fresh = nodes(children);
    fresh.forEach((node, index) => {
        const old = parent.childNodes[index];
        if (!old) {
            parent.append(node);
        } else if (isSameKind(old, node)) {
            adopt(old, node);
        } else {
            old.replaceWith(node);
        }
    });
    while (parent.childNodes.length > fresh.length) parent.lastChild.remove();
}

function isSameKind(old, node) {
    return old.nodeType === node.nodeType && old.nodeName === node.nodeName
        && (old.nodeType !== Node.ELEMENT_NODE || old.dataset.key === node.dataset.key);
}

function adopt(old, node) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
        if (old.data !== node.data) old.data = node.data;
        return;
    }
    for (const { name } of [...old.attributes]) {
        // Whether details are open is their reader's choice.
        if (!node.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
    }
    for (const { name, value } of node.attributes) {
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    if (node.handlers || old.handlers) listen(old, node.handlers ?? {});
    update(old, ...node.childNodes);
}

let latestID = 0;

/** An id that no other element has. */
export function makeID(prefix) {
    latestID += 1;
    return `${prefix}-${latestID}`;
}
