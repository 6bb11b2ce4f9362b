//! The tree a parser builds, without what stands in it: who is inside whom, and how deep.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, ExpandedName, LocalName, QualName, ns};

use super::depth::Measures;

/// A node of the tree.
#[derive(Clone)]
pub(super) struct Handle {
    at: usize,
    name: Rc<QualName>,
}

#[derive(Default)]
struct Node {
    parent: Option<usize>,
    /// Where it stands among its parent's children; their order is of no account.
    place: usize,
    children: Vec<usize>,
    depth: usize,
    /// The root of what is in a template.
    contents: Option<Handle>,
    /// True for mathematical markup that holds HTML.
    holds_html: bool,
}

/// The tree. Its first node is the document.
pub(super) struct Shape {
    nodes: RefCell<Vec<Node>>,
    nameless: Rc<QualName>,
    /// Set when nodes with others in them were moved, so that depths are to be found anew.
    moved: Cell<bool>,
    deepest: Cell<usize>,
    attributes: Cell<usize>,
}

impl Default for Shape {
    fn default() -> Self {
        let nameless = QualName::new(None, ns!(), LocalName::default());
        Self {
            nodes: RefCell::new(vec![Node::default()]),
            nameless: Rc::new(nameless),
            moved: Cell::default(),
            deepest: Cell::default(),
            attributes: Cell::default(),
        }
    }
}

impl Shape {
    /// The measures so far.
    pub(super) fn measures(&self) -> Measures {
        if self.moved.take() {
            self.find_depths();
        }
        Measures {
            deepest: self.deepest.get(),
            elements: self.nodes.borrow().len() - 1,
            attributes: self.attributes.get(),
        }
    }

    fn find_depths(&self) {
        let mut nodes = self.nodes.borrow_mut();
        let mut open: Vec<(usize, usize)> = vec![(0, 0)];
        while let Some((at, depth)) = open.pop() {
            let Some(node) = nodes.get_mut(at) else { continue };
            node.depth = depth;
            self.deepest.set(self.deepest.get().max(depth));
            open.extend(node.children.iter().map(|child| (*child, depth + 1)));
        }
    }

    fn create(&self, name: Rc<QualName>) -> Handle {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node::default());
        Handle { at: nodes.len() - 1, name }
    }

    fn put(&self, parent: usize, child: usize) {
        self.take_out(child);
        let mut nodes = self.nodes.borrow_mut();
        let Some(above) = nodes.get_mut(parent) else { return };
        let (place, depth) = (above.children.len(), above.depth + 1);
        above.children.push(child);
        let Some(node) = nodes.get_mut(child) else { return };
        (node.parent, node.place, node.depth) = (Some(parent), place, depth);
        if node.children.is_empty() && node.contents.is_none() {
            self.deepest.set(self.deepest.get().max(depth));
        } else {
            self.moved.set(true);
        }
    }

    fn take_out(&self, child: usize) {
        let mut nodes = self.nodes.borrow_mut();
        let Some((parent, place)) =
            nodes.get_mut(child).and_then(|node| Some((node.parent.take()?, node.place)))
        else {
            return;
        };
        let Some(above) = nodes.get_mut(parent) else { return };
        above.children.swap_remove(place);
        let moved = above.children.get(place).copied();
        if let Some(node) = moved.and_then(|moved| nodes.get_mut(moved)) {
            node.place = place;
        }
    }
}

impl TreeSink for Shape {
    type Handle = Handle;
    type Output = Measures;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Measures {
        self.measures()
    }

    fn get_document(&self) -> Handle {
        Handle { at: 0, name: self.nameless.clone() }
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Handle {
        self.attributes.set(self.attributes.get() + attributes.len());
        let element = self.create(Rc::new(name));
        let contents = flags.template.then(|| self.create(self.nameless.clone()));
        if let Some(contents) = &contents {
            self.put(element.at, contents.at);
        }
        if let Some(node) = self.nodes.borrow_mut().get_mut(element.at) {
            node.contents = contents;
            node.holds_html = flags.mathml_annotation_xml_integration_point;
        }
        element
    }

    fn create_comment(&self, _: StrTendril) -> Handle {
        self.create(self.nameless.clone())
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Handle {
        self.create(self.nameless.clone())
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        if let NodeOrText::AppendNode(child) = child {
            self.put(parent.at, child.at);
        }
    }

    fn append_based_on_parent_node(&self, element: &Handle, before: &Handle, child: NodeOrText<Handle>) {
        let has_parent = self.nodes.borrow().get(element.at).is_some_and(|node| node.parent.is_some());
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(before, child);
        }
    }

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        let parent = self.nodes.borrow().get(sibling.at).and_then(|node| node.parent);
        if let (Some(parent), NodeOrText::AppendNode(child)) = (parent, child) {
            self.put(parent, child.at);
        }
    }

    fn get_template_contents(&self, target: &Handle) -> Handle {
        let contents = self.nodes.borrow().get(target.at).and_then(|node| node.contents.clone());
        contents.unwrap_or_else(|| target.clone())
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        one.at == other.at
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.take_out(target.at);
    }

    fn reparent_children(&self, node: &Handle, parent: &Handle) {
        let children = match self.nodes.borrow_mut().get_mut(node.at) {
            Some(node) => std::mem::take(&mut node.children),
            None => return,
        };
        for child in children {
            if let Some(node) = self.nodes.borrow_mut().get_mut(child) {
                node.parent = None;
            }
            self.put(parent.at, child);
        }
    }

    fn is_mathml_annotation_xml_integration_point(&self, handle: &Handle) -> bool {
        self.nodes.borrow().get(handle.at).is_some_and(|node| node.holds_html)
    }

    fn add_attrs_if_missing(&self, _: &Handle, attributes: Vec<Attribute>) {
        self.attributes.set(self.attributes.get() + attributes.len());
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn set_quirks_mode(&self, _: QuirksMode) {}
}
