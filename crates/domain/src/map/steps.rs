//! The steps in which traffic moves.

/// Shares of the traffic, percent, rising to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    shares: [u32; Self::MOST],
    count: usize,
}

impl Steps {
    /// The most steps a move may have.
    pub const MOST: usize = 20;

    /// Takes shares as they are written.
    ///
    /// # Errors
    /// What steps have to be, when these are none.
    pub(super) fn of(shares: &[u64]) -> Result<Self, String> {
        let rises = shares.windows(2).all(|pair| pair[0] < pair[1]);
        let reaches_all = shares.last() == Some(&100);
        if !rises || !reaches_all || shares[0] == 0 || shares.len() > Self::MOST {
            let most = Self::MOST;
            return Err(format!(
                "Must be 1 to {most} shares in percent that rise to 100, like [25, 50, 100]."
            ));
        }
        let mut steps = Self { shares: [0; Self::MOST], count: shares.len() };
        for (place, share) in steps.shares.iter_mut().zip(shares) {
            *place = u32::try_from(*share).unwrap_or(100);
        }
        Ok(steps)
    }

    const fn usual<const N: usize>(usual: [u32; N]) -> Self {
        let mut shares = [0; Self::MOST];
        let mut at = 0;
        while at < N {
            shares[at] = usual[at];
            at += 1;
        }
        Self { shares, count: N }
    }

    /// The shares, percent.
    #[must_use]
    pub fn shares(&self) -> &[u32] {
        &self.shares[..self.count]
    }

    /// As it is written in a map.
    pub(super) fn written(&self) -> String {
        let shares: Vec<String> = self.shares().iter().map(ToString::to_string).collect();
        shares.join(", ")
    }
}

/// The steps of every kind of move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveSteps {
    /// What goes elsewhere in a gradual shift: 50, 25, 0 percent stay (product.md 3.2 R3).
    pub gradual: Steps,
    /// What goes elsewhere in a canary (R3).
    pub canary: Steps,
    /// What is back home in a failback (R5).
    pub home: Steps,
}

impl Default for MoveSteps {
    fn default() -> Self {
        Self {
            gradual: Steps::usual([50, 75, 100]),
            canary: Steps::usual([5, 10, 25, 50, 100]),
            home: Steps::usual([10, 25, 50, 75, 100]),
        }
    }
}
