//! The details of what is selected: whether they are open, have the keys, take the whole screen, and how far they are scrolled.
//! What is closed has no keys and covers nothing.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pane {
    open: Option<Open>,
    top: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Open {
    focused: bool,
    zoomed: bool,
}

impl Pane {
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether keys are its own although the list is in sight.
    pub fn is_focused(&self) -> bool {
        self.open.is_some_and(|open| open.focused)
    }

    /// Whether it takes the whole screen, however wide that is.
    pub fn is_zoomed(&self) -> bool {
        self.open.is_some_and(|open| open.zoomed)
    }

    /// The first row in sight.
    pub fn top(&self) -> u16 {
        self.top
    }

    /// Opens it, if it is not open.
    pub fn open(&mut self) {
        self.open.get_or_insert_default();
    }

    pub fn close(&mut self) {
        *self = Pane::default();
    }

    /// Opens it anew where there is something to show, or closes it.
    pub fn toggle(&mut self, there: bool) {
        let open = (!self.is_open() && there).then(Open::default);
        *self = Pane { open, top: 0 };
    }

    /// Over the whole screen, or as before; what is closed opens so. Where there is nothing to show, it closes.
    pub fn zoom(&mut self, there: bool) {
        self.open = match self.open {
            _ if !there => None,
            None => Some(Open { focused: false, zoomed: true }),
            Some(open) => Some(Open { zoomed: !open.zoomed, ..open }),
        };
    }

    /// Gives it the keys, or takes them away.
    pub fn focus(&mut self, focused: bool) {
        if let Some(open) = &mut self.open {
            open.focused = focused;
        }
    }

    /// One step back: beside its list again, then closed. Gives whether there was one.
    pub fn back(&mut self) -> bool {
        match &mut self.open {
            Some(open) if open.zoomed => open.zoomed = false,
            Some(_) => self.close(),
            None => return false,
        }
        true
    }

    pub fn scroll(&mut self, rows: isize) {
        let rows = i16::try_from(rows).unwrap_or(if rows < 0 { i16::MIN } else { i16::MAX });
        self.top = self.top.saturating_add_signed(rows);
    }

    pub fn to_start(&mut self) {
        self.top = 0;
    }

    /// To where [`Pane::limit`] ends it.
    pub fn to_end(&mut self) {
        self.top = u16::MAX;
    }

    /// It is not scrolled further than that.
    pub fn limit(&mut self, furthest: u16) {
        self.top = self.top.min(furthest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(pane: Pane) -> (bool, bool, bool, u16) {
        (pane.is_open(), pane.is_focused(), pane.is_zoomed(), pane.top())
    }

    #[test]
    fn what_is_closed_has_no_keys_and_covers_nothing() {
        let mut pane = Pane::default();
        pane.focus(true);
        assert_eq!(state(pane), (false, false, false, 0));
        pane.zoom(false);
        pane.toggle(false);
        assert_eq!(state(pane), (false, false, false, 0), "there is nothing to show");
        pane.zoom(true);
        pane.focus(true);
        pane.scroll(isize::MAX);
        pane.limit(7);
        assert_eq!(state(pane), (true, true, true, 7));
        pane.toggle(true);
        assert_eq!(state(pane), (false, false, false, 0));
        pane.toggle(true);
        assert_eq!(state(pane), (true, false, false, 0));
    }

    #[test]
    fn back_goes_one_step() {
        let mut pane = Pane::default();
        pane.open();
        pane.zoom(true);
        pane.open();
        assert!(pane.is_zoomed(), "it was open");
        assert!(pane.back());
        assert_eq!(state(pane), (true, false, false, 0));
        assert!(pane.back());
        assert!(!pane.back());
        pane.to_end();
        pane.limit(3);
        pane.scroll(-1);
        assert_eq!(pane.top(), 2);
        pane.scroll(isize::MIN);
        assert_eq!(pane.top(), 0);
    }
}
