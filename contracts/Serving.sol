// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Serving
/// @notice Holds the deposits of users for providers of AI services, lists those services, and pays providers out of
/// the deposits against vouchers the users have signed.
/// @dev An account belongs to one pair (user, provider). A voucher states an all-time sum; the contract pays the
/// difference between that sum and what it has paid before, so vouchers may arrive in any order, twice, or never.
/// There is no owner, no upgrade and no parameter that can change after deployment.
///
/// Text in a service (name, type, url, model) is whatever the provider wrote. Only its length is checked.
contract Serving {
    // ------------------------------------------------------------------------------------------------------ types

    /// @dev One account. The first slot is all that settlement touches when the user signs with its own key.
    struct Account {
        // slot 0
        uint112 balance; // what is left, pending refund included
        uint112 settled; // all-time sum paid to the provider; never falls
        uint24 epoch; // stored epoch; see _effective
        uint8 flags; // EXISTS | ROTATING
        // slot 1
        address delegate; // zero for none
        // slot 2
        uint112 pendingRefund; // zero when none is pending
        uint40 unlockAt;
        uint40 createdAt;
        uint32 refundIndex; // number of the latest refund: 1 for the first, 0 before
        // slot 3, meaningful only while ROTATING is set
        address nextDelegate;
        uint40 activatesAt;
    }

    /// @dev Made at a provider's first service or first account.
    struct Provider {
        uint64 index; // position in the list of providers, counted from 1
        uint64 accounts; // how many accounts users have opened with it
    }

    /// @dev A service as stored. After removal only `updatedAt` stays, so that versions of a name never repeat.
    struct StoredService {
        address provider; // zero when the service does not exist
        uint64 updatedAt;
        uint64 listIndex; // position in the list of all services
        uint64 providerIndex; // position in the provider's own list
        uint128 inputPrice;
        uint128 outputPrice;
        string name;
        string serviceType;
        string url;
        string model;
    }

    /// @notice A service as returned to callers.
    struct Service {
        address provider;
        string name;
        string serviceType;
        string url;
        string model;
        uint128 inputPrice;
        uint128 outputPrice;
        uint64 updatedAt;
    }

    /// @notice An account as returned to callers, with `epoch` and `delegate` as they count in this block.
    /// `activatesAt` is zero unless a change of delegate is still waiting; a waiting removal has `nextDelegate` zero.
    /// `pendingRefund` can exceed `balance`, since settlement goes before the refund.
    struct AccountView {
        address user;
        address provider;
        uint112 balance;
        uint112 settled;
        uint32 epoch;
        address delegate;
        address nextDelegate;
        uint40 activatesAt;
        uint112 pendingRefund;
        uint40 refundCreatedAt;
        uint40 unlockAt;
        uint32 refundIndex;
    }

    // ----------------------------------------------------------------------------------------------------- events

    /// @notice An account was opened with its first deposit. `delegate` is zero when none was named.
    event AccountAdded(address indexed user, address indexed provider, address delegate, uint112 balance);
    /// @notice `amount` was added to an account, which now holds `balance`.
    event Deposited(address indexed user, address indexed provider, uint112 amount, uint112 balance);
    /// @notice From `activatesAt` on, vouchers must carry `epoch`, and `delegate` may sign them (zero: only the user).
    event DelegateChanged(
        address indexed user, address indexed provider, address delegate, uint32 epoch, uint40 activatesAt
    );
    /// @notice The pending refund `index` now stands at `amount` and can be taken from `unlockAt` on.
    event RefundRequested(
        address indexed user, address indexed provider, uint32 index, uint112 amount, uint40 unlockAt
    );
    /// @notice The pending refund `index` of `amount` was withdrawn.
    event RefundCanceled(address indexed user, address indexed provider, uint32 index, uint112 amount);
    /// @notice The refund `index` was taken: `amount` was paid out and `balance` is left.
    event RefundProcessed(
        address indexed user, address indexed provider, uint32 index, uint112 amount, uint112 balance
    );
    /// @notice `paid` went to the provider; `settled` is the all-time sum including it.
    event Settled(address indexed user, address indexed provider, uint112 paid, uint112 settled);
    /// @notice A service was added or replaced. `updatedAt` names this version.
    event ServiceUpdated(
        address indexed provider,
        string name,
        string serviceType,
        string url,
        string model,
        uint128 inputPrice,
        uint128 outputPrice,
        uint64 updatedAt
    );
    /// @notice A service was removed.
    event ServiceRemoved(address indexed provider, string name);

    // ----------------------------------------------------------------------------------------------------- errors

    /// @notice The account exists already; use depositFund.
    error AccountExists(address user, address provider);
    /// @notice There is no such account.
    error AccountNotFound(address user, address provider);
    /// @notice The deposit would take balance and settled sum together above 112 bits.
    error AmountTooLarge();
    /// @notice A deposit or refund of nothing.
    error ZeroAmount();
    /// @notice The provider is the zero address.
    error ZeroAddress();
    /// @notice The refund asked for is above what the account holds.
    error InsufficientBalance(address user, address provider, uint112 balance);
    /// @notice No refund is pending.
    error RefundNotFound(address user, address provider);
    /// @notice The pending refund cannot be taken before `unlockAt`.
    error RefundLocked(address user, address provider, uint40 unlockAt);
    /// @notice The receiver refused the money.
    error TransferFailed();
    /// @notice Settlement data is not a whole number of rows.
    error BadLength();
    /// @notice The named field of a service is empty or too long.
    error BadService(string field);
    /// @notice There is no such service.
    error ServiceNotFound(address provider, string name);
    /// @notice The account has used all 2^24 epochs.
    error EpochsExhausted();
    /// @notice The lock time given at deployment is above 365 days.
    error LockTimeTooLong();

    // -------------------------------------------------------------------------------------------------- constants

    uint8 private constant EXISTS = 1;
    uint8 private constant ROTATING = 2;

    /// @dev Bytes in a settlement row: user 20, cumulative 14, claim 14, r 32, yParityAndS 32.
    uint256 private constant ROW = 112;
    /// @dev Half the order of secp256k1; a signature with a higher s is refused.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant VOUCHER_TYPEHASH =
        keccak256("Voucher(address user,address provider,uint32 epoch,uint128 cumulative)");
    bytes32 private constant NAME_HASH = keccak256("0G Serving");
    bytes32 private constant VERSION_HASH = keccak256("1");

    uint256 private immutable _deploymentChainId;
    bytes32 private immutable _deploymentSeparator;

    /// @notice Seconds between asking for a refund, or for another delegate, and its taking effect.
    uint40 public immutable lockTime;

    // ---------------------------------------------------------------------------------------------------- storage

    mapping(address user => mapping(address provider => Account)) private _accounts;
    mapping(address provider => Provider) private _providers;
    mapping(address provider => mapping(uint256 index => address user)) private _usersOf;
    address[] private _providerList;
    mapping(bytes32 key => StoredService) private _services;
    bytes32[] private _serviceList;
    mapping(address provider => bytes32[]) private _servicesOf;

    /// @param lockTime_ seconds of delay for refunds and delegate changes, at most 365 days. Providers settle within
    /// it, so zero is only of use in tests.
    constructor(uint40 lockTime_) {
        if (lockTime_ > 365 days) revert LockTimeTooLong();
        lockTime = lockTime_;
        _deploymentChainId = block.chainid;
        _deploymentSeparator = _buildSeparator();
    }

    // --------------------------------------------------------------------------------------------------- accounts

    /// @notice Opens the caller's account with `provider` and puts the value sent into it.
    /// @param provider who will be paid from the account
    /// @param delegate a key that may sign vouchers beside the caller; zero for none
    function addAccount(address provider, address delegate) external payable {
        if (provider == address(0)) revert ZeroAddress();
        if (msg.value == 0) revert ZeroAmount();
        if (msg.value > type(uint112).max) revert AmountTooLarge();
        Account storage account = _accounts[msg.sender][provider];
        if (account.flags != 0) revert AccountExists(msg.sender, provider);

        uint112 amount = uint112(msg.value);
        account.balance = amount;
        account.flags = EXISTS;
        if (delegate != address(0)) account.delegate = delegate;

        Provider storage record = _enlist(provider);
        uint64 position = record.accounts;
        record.accounts = position + 1;
        _usersOf[provider][position] = msg.sender;
        emit AccountAdded(msg.sender, provider, delegate, amount);
    }

    /// @notice Adds the value sent to the caller's account with `provider`.
    function depositFund(address provider) external payable {
        Account storage account = _existing(msg.sender, provider);
        if (msg.value == 0) revert ZeroAmount();
        uint112 balance = account.balance;
        // A sum of two 112-bit numbers and a sum of ether cannot overflow 256 bits.
        if (msg.value > type(uint112).max - uint256(balance) - account.settled) revert AmountTooLarge();

        uint112 amount = uint112(msg.value);
        balance += amount;
        account.balance = balance;
        emit Deposited(msg.sender, provider, amount, balance);
    }

    /// @notice Names another key that may sign vouchers for the caller's account with `provider`; zero for none.
    /// @dev The change takes effect after the lock time and begins a new epoch; until then vouchers of the old key
    /// count, and the provider can settle them. A second call before that replaces the first and begins the wait
    /// anew. Naming the present delegate again is the way to begin a new epoch with the same key. An account without
    /// delegate takes one at once and keeps its epoch, since what the user signed itself stays good.
    function setDelegate(address provider, address delegate) external {
        Account storage account = _existing(msg.sender, provider);
        (uint24 epoch, address current,) = _effective(account);

        uint40 activatesAt = uint40(block.timestamp);
        if (current == address(0)) {
            // Then no change is waiting either: one waits only behind a delegate.
            account.delegate = delegate;
            account.epoch = epoch;
            account.flags = EXISTS;
        } else {
            if (epoch == type(uint24).max) revert EpochsExhausted();
            activatesAt += lockTime;
            account.delegate = current;
            account.epoch = epoch;
            account.flags = EXISTS | ROTATING;
            account.nextDelegate = delegate;
            account.activatesAt = activatesAt;
            epoch += 1;
        }
        emit DelegateChanged(msg.sender, provider, delegate, epoch, activatesAt);
    }

    // ---------------------------------------------------------------------------------------------------- refunds

    /// @notice Sets the caller's one pending refund with `provider` to `amount`.
    /// @dev A new or raised refund waits for the whole lock time from now; a lowered one keeps its clock.
    function requestRefund(address provider, uint112 amount) external {
        Account storage account = _existing(msg.sender, provider);
        if (amount == 0) revert ZeroAmount();
        uint112 balance = account.balance;
        if (amount > balance) revert InsufficientBalance(msg.sender, provider, balance);

        uint112 pending = account.pendingRefund;
        uint40 unlockAt = account.unlockAt;
        uint32 index = account.refundIndex;
        if (pending == 0) {
            index += 1;
            account.refundIndex = index;
        }
        if (amount > pending) {
            unlockAt = uint40(block.timestamp) + lockTime;
            account.unlockAt = unlockAt;
            account.createdAt = uint40(block.timestamp);
        }
        account.pendingRefund = amount;
        emit RefundRequested(msg.sender, provider, index, amount, unlockAt);
    }

    /// @notice Withdraws the caller's pending refund with `provider`.
    function cancelRefund(address provider) external {
        Account storage account = _existing(msg.sender, provider);
        uint112 pending = account.pendingRefund;
        if (pending == 0) revert RefundNotFound(msg.sender, provider);
        uint32 index = account.refundIndex;
        _clearRefund(account);
        emit RefundCanceled(msg.sender, provider, index, pending);
    }

    /// @notice Pays the caller's pending refund with `provider`, or what settlement has left of it.
    function processRefund(address provider) external {
        Account storage account = _existing(msg.sender, provider);
        uint112 amount = account.pendingRefund;
        if (amount == 0) revert RefundNotFound(msg.sender, provider);
        uint40 unlockAt = account.unlockAt;
        if (block.timestamp < unlockAt) revert RefundLocked(msg.sender, provider, unlockAt);

        uint112 balance = account.balance;
        if (amount > balance) amount = balance;
        balance -= amount;
        account.balance = balance;
        uint32 index = account.refundIndex;
        _clearRefund(account);
        emit RefundProcessed(msg.sender, provider, index, amount, balance);
        if (amount != 0) _pay(msg.sender, amount);
    }

    // ------------------------------------------------------------------------------------------------- settlement

    /// @notice Pays the caller, as provider, for a batch of vouchers.
    /// @dev Rows follow each other without padding: user 20 bytes, cumulative 14, claim 14, r 32, yParityAndS 32
    /// (EIP-2098). The voucher signed is over `cumulative`; `claim` says how much of it to take and is cut down to it.
    /// A row is skipped, and changes nothing for the others, when there is no such account, it is empty, the claim is
    /// not above what was settled before, or the signature is not of this epoch by the user or its delegate. When the
    /// balance is short the row is paid in part and the rest stays claimable.
    /// @return total what was paid, the sum of `paid` over the events
    function settleFees(bytes calldata rows) external returns (uint256 total) {
        if (rows.length % ROW != 0) revert BadLength();
        bytes32 separator = domainSeparator();
        for (uint256 start = 0; start < rows.length; start += ROW) {
            total += _settleRow(separator, rows[start:start + ROW]);
        }
        if (total != 0) _pay(msg.sender, total);
    }

    /// @notice The EIP-712 domain separator in force on this chain.
    function domainSeparator() public view returns (bytes32) {
        return block.chainid == _deploymentChainId ? _deploymentSeparator : _buildSeparator();
    }

    /// @notice The digest to sign for a voucher.
    function voucherDigest(address user, address provider, uint32 epoch, uint128 cumulative)
        external
        view
        returns (bytes32)
    {
        return _digest(domainSeparator(), user, provider, epoch, cumulative);
    }

    // --------------------------------------------------------------------------------------------------- services

    /// @notice Adds a service of the caller, or replaces the one of that name.
    /// @param name 1 to 64 bytes, unique for the provider
    /// @param serviceType 1 to 32 bytes
    /// @param url 1 to 512 bytes
    /// @param model 0 to 128 bytes
    /// @param inputPrice price of one input unit in the chain's smallest unit
    /// @param outputPrice price of one output unit in the chain's smallest unit
    function addOrUpdateService(
        string calldata name,
        string calldata serviceType,
        string calldata url,
        string calldata model,
        uint128 inputPrice,
        uint128 outputPrice
    ) external {
        if (bytes(name).length == 0 || bytes(name).length > 64) revert BadService("name");
        if (bytes(serviceType).length == 0 || bytes(serviceType).length > 32) revert BadService("serviceType");
        if (bytes(url).length == 0 || bytes(url).length > 512) revert BadService("url");
        if (bytes(model).length > 128) revert BadService("model");

        bytes32 key = _serviceKey(msg.sender, name);
        StoredService storage service = _services[key];
        uint64 updatedAt = service.updatedAt + 1;
        if (updatedAt < block.timestamp) updatedAt = uint64(block.timestamp);
        service.updatedAt = updatedAt;
        if (service.provider == address(0)) {
            _enlist(msg.sender);
            service.provider = msg.sender;
            service.listIndex = uint64(_serviceList.length);
            service.providerIndex = uint64(_servicesOf[msg.sender].length);
            service.name = name;
            _serviceList.push(key);
            _servicesOf[msg.sender].push(key);
        }
        service.serviceType = serviceType;
        service.url = url;
        service.model = model;
        service.inputPrice = inputPrice;
        service.outputPrice = outputPrice;
        emit ServiceUpdated(msg.sender, name, serviceType, url, model, inputPrice, outputPrice, updatedAt);
    }

    /// @notice Removes a service of the caller.
    /// @dev The last service takes its place in the lists, so the order of pages can change.
    function removeService(string calldata name) external {
        bytes32 key = _serviceKey(msg.sender, name);
        StoredService storage service = _services[key];
        if (service.provider == address(0)) revert ServiceNotFound(msg.sender, name);
        uint64 listIndex = service.listIndex;
        uint64 providerIndex = service.providerIndex;
        uint64 updatedAt = service.updatedAt;

        bytes32 last = _serviceList[_serviceList.length - 1];
        _serviceList[listIndex] = last;
        _services[last].listIndex = listIndex;
        _serviceList.pop();

        bytes32[] storage own = _servicesOf[msg.sender];
        last = own[own.length - 1];
        own[providerIndex] = last;
        _services[last].providerIndex = providerIndex;
        own.pop();

        delete _services[key];
        service.updatedAt = updatedAt;
        emit ServiceRemoved(msg.sender, name);
    }

    // ------------------------------------------------------------------------------------------------------ views

    /// @notice One account; reverts when there is none.
    function getAccount(address user, address provider) external view returns (AccountView memory) {
        return _viewOf(user, provider, _existing(user, provider));
    }

    /// @notice A page of the accounts opened with `provider`, in order of opening.
    /// @return page at most `limit` accounts from position `offset` on
    /// @return total how many there are
    function getAccountsByProvider(address provider, uint256 offset, uint256 limit)
        external
        view
        returns (AccountView[] memory page, uint256 total)
    {
        total = _providers[provider].accounts;
        page = new AccountView[](_pageLength(offset, limit, total));
        for (uint256 i = 0; i < page.length; ++i) {
            address user = _usersOf[provider][offset + i];
            page[i] = _viewOf(user, provider, _accounts[user][provider]);
        }
    }

    /// @notice The accounts of `user` with a page of the providers.
    /// @dev `offset` and `limit` count providers looked at, not accounts found, so a page can be empty in the middle.
    /// @return page the accounts found
    /// @return providersTotal how many providers there are; the scan is over when `offset` has reached it
    function getAccountsByUser(address user, uint256 offset, uint256 limit)
        external
        view
        returns (AccountView[] memory page, uint256 providersTotal)
    {
        providersTotal = _providerList.length;
        uint256 length = _pageLength(offset, limit, providersTotal);
        uint256 found = 0;
        for (uint256 i = 0; i < length; ++i) {
            if (_accounts[user][_providerList[offset + i]].flags != 0) ++found;
        }
        page = new AccountView[](found);
        found = 0;
        for (uint256 i = 0; i < length; ++i) {
            address provider = _providerList[offset + i];
            Account storage account = _accounts[user][provider];
            if (account.flags != 0) page[found++] = _viewOf(user, provider, account);
        }
    }

    /// @notice One service; reverts when there is none.
    function getService(address provider, string calldata name) external view returns (Service memory) {
        StoredService storage service = _services[_serviceKey(provider, name)];
        if (service.provider == address(0)) revert ServiceNotFound(provider, name);
        return _viewOf(service);
    }

    /// @notice A page of all services.
    /// @return page at most `limit` services from position `offset` on
    /// @return total how many there are
    function getServices(uint256 offset, uint256 limit)
        external
        view
        returns (Service[] memory page, uint256 total)
    {
        return _servicePage(_serviceList, offset, limit);
    }

    /// @notice A page of the services of `provider`.
    /// @return page at most `limit` services from position `offset` on
    /// @return total how many it has
    function getServicesByProvider(address provider, uint256 offset, uint256 limit)
        external
        view
        returns (Service[] memory page, uint256 total)
    {
        return _servicePage(_servicesOf[provider], offset, limit);
    }

    // ---------------------------------------------------------------------------------------------------- private

    /// @dev Settles one row and returns what it pays. Never reverts.
    function _settleRow(bytes32 separator, bytes calldata row) private returns (uint112 paid) {
        address user = address(bytes20(row[0:20]));
        uint112 cumulative = uint112(bytes14(row[20:34]));
        uint112 claim = uint112(bytes14(row[34:48]));
        Account storage account = _accounts[user][msg.sender];
        // One read of the first slot.
        (uint112 balance, uint112 settled, uint24 epoch, uint8 flags) =
            (account.balance, account.settled, account.epoch, account.flags);
        if (claim > cumulative) claim = cumulative;
        if (claim <= settled || balance == 0) return 0;

        bool rotated = flags & ROTATING != 0 && block.timestamp >= account.activatesAt;
        unchecked {
            if (rotated) epoch += 1; // setDelegate leaves room for it
        }
        address signer = _recover(_digest(separator, user, msg.sender, epoch, cumulative), row[48:112]);
        if (signer == address(0)) return 0;
        if (signer != user) {
            // Only read when the user itself did not sign. A recovered signer is not zero, so no delegate is no match.
            if (signer != (rotated ? account.nextDelegate : account.delegate)) return 0;
        }

        unchecked {
            paid = claim - settled;
            if (paid > balance) paid = balance;
            settled += paid; // balance + settled fits 112 bits at every deposit, and this keeps their sum
            (account.balance, account.settled) = (balance - paid, settled);
        }
        emit Settled(user, msg.sender, paid, settled);
    }

    /// @dev Who signed, by a signature of 64 bytes (EIP-2098). Zero if it is malformed or its s is above half the
    /// order of the curve.
    function _recover(bytes32 digest, bytes calldata signature) private pure returns (address) {
        uint256 yParityAndS = uint256(bytes32(signature[32:64]));
        uint256 s = yParityAndS & (type(uint256).max >> 1);
        if (s > HALF_ORDER) return address(0);
        return ecrecover(digest, yParityAndS >> 255 == 0 ? 27 : 28, bytes32(signature[0:32]), bytes32(s));
    }

    /// @dev Epoch and delegate as they count now, and whether a change is still waiting. A change that has come due
    /// counts without having been written back; the next setDelegate does that.
    function _effective(Account storage account) private view returns (uint24 epoch, address delegate, bool waiting) {
        epoch = account.epoch;
        if (account.flags & ROTATING != 0) {
            if (block.timestamp >= account.activatesAt) return (epoch + 1, account.nextDelegate, false);
            waiting = true;
        }
        delegate = account.delegate;
    }

    /// @dev Forgets the pending refund but not how many there have been.
    function _clearRefund(Account storage account) private {
        account.pendingRefund = 0;
        account.unlockAt = 0;
        account.createdAt = 0;
    }

    /// @dev The provider's record, made on first use.
    function _enlist(address provider) private returns (Provider storage record) {
        record = _providers[provider];
        if (record.index == 0) {
            _providerList.push(provider);
            record.index = uint64(_providerList.length);
        }
    }

    /// @dev Sends money. Every caller has written its changes and its event before.
    function _pay(address to, uint256 amount) private {
        (bool ok,) = to.call{value: amount}("");
        if (!ok) revert TransferFailed();
    }

    function _existing(address user, address provider) private view returns (Account storage account) {
        account = _accounts[user][provider];
        if (account.flags == 0) revert AccountNotFound(user, provider);
    }

    function _serviceKey(address provider, string calldata name) private pure returns (bytes32) {
        return keccak256(abi.encode(provider, name));
    }

    function _pageLength(uint256 offset, uint256 limit, uint256 total) private pure returns (uint256) {
        if (offset >= total) return 0;
        uint256 left = total - offset;
        return limit < left ? limit : left;
    }

    function _servicePage(bytes32[] storage keys, uint256 offset, uint256 limit)
        private
        view
        returns (Service[] memory page, uint256 total)
    {
        total = keys.length;
        page = new Service[](_pageLength(offset, limit, total));
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = _viewOf(_services[keys[offset + i]]);
        }
    }

    function _viewOf(StoredService storage service) private view returns (Service memory) {
        return Service({
            provider: service.provider,
            name: service.name,
            serviceType: service.serviceType,
            url: service.url,
            model: service.model,
            inputPrice: service.inputPrice,
            outputPrice: service.outputPrice,
            updatedAt: service.updatedAt
        });
    }

    function _viewOf(address user, address provider, Account storage account)
        private
        view
        returns (AccountView memory result)
    {
        bool waiting;
        uint24 epoch;
        (epoch, result.delegate, waiting) = _effective(account);
        result.user = user;
        result.provider = provider;
        result.balance = account.balance;
        result.settled = account.settled;
        result.epoch = epoch;
        if (waiting) (result.nextDelegate, result.activatesAt) = (account.nextDelegate, account.activatesAt);
        result.pendingRefund = account.pendingRefund;
        result.refundCreatedAt = account.createdAt;
        result.unlockAt = account.unlockAt;
        result.refundIndex = account.refundIndex;
    }

    /// @dev The EIP-712 digest, built above the free memory pointer without moving it, so that long batches do not
    /// grow memory.
    function _digest(bytes32 separator, address user, address provider, uint256 epoch, uint256 cumulative)
        private
        pure
        returns (bytes32 digest)
    {
        bytes32 typehash = VOUCHER_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            mstore(add(free, 0x20), user)
            mstore(add(free, 0x40), provider)
            mstore(add(free, 0x60), epoch)
            mstore(add(free, 0x80), cumulative)
            let structHash := keccak256(free, 0xa0)
            mstore(free, shl(240, 0x1901))
            mstore(add(free, 0x02), separator)
            mstore(add(free, 0x22), structHash)
            digest := keccak256(free, 0x42)
        }
    }

    function _buildSeparator() private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
    }
}
