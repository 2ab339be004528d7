/// Looks at a page from inside: each script returns what is wrong, in words.
enum PanelInspection {
    /// Names of fields, buttons, links, tables, pictures and headings.
    static let names = #"""
        const problems = [];
        const say = (element, what) => problems.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
        const all = (selector) => document.querySelectorAll(selector);
        const isSeen = (element) => element.checkVisibility();
        const text = (element) => (element?.textContent ?? '').trim();
        const referred = (element) => text(document.getElementById(element.getAttribute('aria-labelledby')));
        const nameOf = (element) => element.getAttribute('aria-label')?.trim() || referred(element) || text(element);
        const labelOf = (element) => element.getAttribute('aria-label')?.trim() || [...element.labels ?? []].map(text).join('');
        for (const field of all('input, select, textarea')) if (!labelOf(field)) say(field, 'a field without a label');
        for (const pressed of all('button, summary')) if (!nameOf(pressed)) say(pressed, 'a button without a name');
        for (const link of all('a')) {
            if (!nameOf(link)) say(link, 'a link without a name');
            if (!link.hasAttribute('href')) say(link, 'a link to nowhere');
        }
        for (const table of all('table')) {
            if (!text(table.caption)) say(table, 'a table without a caption');
            for (const head of table.querySelectorAll('th')) if (!head.scope) say(head, 'a header without a scope');
            for (const head of table.tHead.querySelectorAll('th')) if (!text(head)) say(head, 'a column without a name');
        }
        for (const image of all('img')) if (!image.hasAttribute('alt')) say(image, 'a picture without a text');
        for (const image of all('svg')) {
            if (image.getAttribute('role') !== 'img' || !nameOf(image)) say(image, 'a drawing without a name');
        }
        for (const measure of all('progress, meter, dialog, nav')) {
            if (measure.getAttribute('aria-hidden') !== 'true' && !nameOf(measure)) say(measure, 'something without a name');
        }
        if (all('h1').length !== 1) problems.push(`${all('h1').length} elements h1`);
        let level = 1;
        for (const heading of all('h1, h2, h3, h4')) {
            const own = Number(heading.localName[1]);
            if (own > level + 1) say(heading, 'a level of headings is left out');
            level = own;
        }
        if (!document.documentElement.lang) problems.push('no language');
        if (!document.title) problems.push('no title');
        const ids = [...all('[id]')].map((element) => element.id);
        for (const id of ids.filter((id, index) => ids.indexOf(id) !== index)) problems.push(`the id ${id} twice`);
        for (const element of all('[aria-describedby], [aria-labelledby], [aria-controls]')) {
            for (const attribute of ['aria-describedby', 'aria-labelledby', 'aria-controls']) {
                const id = element.getAttribute(attribute);
                if (id && !document.getElementById(id)) say(element, `${attribute} refers to nothing`);
            }
        }
        for (const element of all('[tabindex]')) if (element.tabIndex > 0) say(element, 'an order of its own');
        for (const element of all('button, a, input, select, summary')) {
            const { width, height } = element.getBoundingClientRect();
            if (isSeen(element) && element.localName === 'button' && (width < 24 || height < 24)) say(element, 'too small');
        }
        return problems;
        """#

    /// Words that can hardly be read: less than 4.5 to 1 between them and what is behind them.
    static let contrast = #"""
        const parse = (color) => {
            const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
            return { parts: [red, green, blue], alpha };
        };
        const luminance = ({ parts }) => {
            const [red, green, blue] = parts.map((part) => part / 255)
                .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
            return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        };
        const behind = (element) => {
            for (let at = element; at; at = at.parentElement) {
                const color = parse(getComputedStyle(at).backgroundColor);
                if (color.alpha === 1) return color;
            }
            return { parts: [255, 255, 255] };
        };
        const problems = [];
        for (const element of document.querySelectorAll('body *')) {
            const isText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
            // Controls that are switched off need no contrast (WCAG 1.4.3).
            if (!isText || element.disabled || !element.checkVisibility()) continue;
            const [one, other] = [parse(getComputedStyle(element).color), behind(element)].map(luminance);
            const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
            if (ratio < 4.5) problems.push(`${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 120)}`);
        }
        return problems;
        """#

    /// What is wider than the page.
    static let width = #"""
        const page = document.documentElement;
        if (page.scrollWidth <= page.clientWidth) return [];
        return [...document.querySelectorAll('body *')]
            .filter((element) => element.getBoundingClientRect().right > page.clientWidth + 1)
            .map((element) => `${Math.round(element.getBoundingClientRect().right)}: ${element.outerHTML.slice(0, 120)}`)
            .concat(`the page is ${page.scrollWidth} wide`);
        """#
}
